-- Endpoints of merchants, and what each of them is still to be told.

-- name: lockMerchant
-- One at a time of a merchant counts his endpoints and adds to them.
select pg_advisory_xact_lock(hashtextextended('cairn.webhooks ' || $1::uuid, 0));

-- name: add
-- The same endpoint again is no error: the caller compares the row that is there.
insert into cairn.webhook (id, merchant, url, secret, created_ms, since_book, since_seq)
select $1::uuid, $2::uuid, $3::text, $4::bytea, $5::int8, $6::uuid, $7::int8
  from (
    select count(*) as known, count(*) filter (where w.ended_ms is null) as told from cairn.webhook w where w.merchant = $2::uuid and w.id <> $1::uuid
  ) as others
 where others.told < $8::int4 and others.known < $9::int4
on conflict on constraint webhook_pk do nothing;

-- name: find
select w.id, w.merchant, w.url, w.secret, w.created_ms, w.ended_ms from cairn.webhook w where w.id = $1::uuid;

-- name: list
select w.id, w.merchant, w.url, w.secret, w.created_ms, w.ended_ms
  from cairn.webhook w
 where w.merchant = $1::uuid and w.id > $2::uuid
 order by w.id
 limit $3::int4;

-- name: endWebhook
update cairn.webhook set ended_ms = $2::int8 where id = $1::uuid and ended_ms is null;

-- name: endDeliveries
update cairn.webhook_delivery set due_ms = null, is_claimed = false, ended_ms = $2::int8, outcome = 'the endpoint was ended'
 where webhook = $1::uuid and due_ms is not null;

-- name: isAnyOpen
select exists (select from cairn.webhook w where w.ended_ms is null) as is_any;

-- name: open
-- And after which record of a book each of them is told.
select w.id, w.merchant, case when w.since_book = $1::uuid then w.since_seq else 0 end as since from cairn.webhook w where w.ended_ms is null order by w.id;

-- name: enqueue
-- The endpoints are held, in the order of their ids as everywhere, until this transaction ends: who ends one meanwhile waits, and ends these as well. One that was ended before is left out.
with told as (
  select w.id from cairn.webhook w where w.id = any ($3::uuid[]) and w.ended_ms is null order by w.id for share
)
insert into cairn.webhook_delivery (webhook, book, seq, body, created_ms, due_ms)
select d.webhook, $1::uuid, d.seq, d.body, $2::int8, $2::int8
  from unnest($3::uuid[], $4::int8[], $5::text[]) as d (webhook, seq, body)
  join told on told.id = d.webhook;

-- name: claim
-- The first that is due of each endpoint after $5 that nothing is under way to, at most $6 at a time of one merchant, with what anybody has in hand. It is not due again to anybody before $3. Of
-- two processes at once the later one finds it moved. Not all that wait are looked at, but the first of them as far as they may be needed: a merchant has at most $7 endpoints.
with busy as materialized (
  select w.id, w.merchant from cairn.webhook_delivery l join cairn.webhook w on w.id = l.webhook where l.is_claimed and l.due_ms > $1::int8
), waiting as (
  select w.id as webhook, w.merchant, d.book, d.seq, w.url, w.secret
    from cairn.webhook w
    cross join lateral (
      select l.book, l.seq
        from cairn.webhook_delivery l
       where l.webhook = w.id and l.due_ms <= $1::int8
       order by l.due_ms, l.seq
       limit 1
    ) as d
   where w.ended_ms is null and w.id > $5::uuid and not w.id = any ($2::uuid[]) and not exists (select from busy b where b.id = w.id)
     and (select count(*) from busy b where b.merchant = w.merchant) < $6::int4
   order by w.id
   limit $4::int4 * $7::int4
), placed as (
  select p.*, row_number() over (partition by p.merchant order by p.webhook) + (select count(*) from busy b where b.merchant = p.merchant) as nth from waiting p
), first as (
  select f.webhook, f.book, f.seq, f.url, f.secret from placed f where f.nth <= $6::int4 order by f.webhook limit $4::int4
), claimed as (
  update cairn.webhook_delivery d
     set due_ms = $3::int8, is_claimed = true, attempts = d.attempts + 1
    from first f
   where d.webhook = f.webhook and d.book = f.book and d.seq = f.seq and d.due_ms <= $1::int8
  returning d.webhook, d.book, d.seq, d.body, d.attempts, f.url, f.secret
)
select c.webhook, c.book, c.seq, c.body, c.attempts, c.url, c.secret from claimed c order by c.webhook;

-- name: settle
-- Only of the attempt that it was: whoever comes back after his time, when it was somebody else's, changes nothing.
update cairn.webhook_delivery set due_ms = $4::int8, is_claimed = false, ended_ms = $5::int8, outcome = $6::text
 where webhook = $1::uuid and book = $2::uuid and seq = $3::int8 and attempts = $7::int4 and due_ms is not null;

-- name: deliveries
select d.book, d.seq, d.attempts, d.due_ms, d.ended_ms, d.outcome
  from cairn.webhook_delivery d
 where d.webhook = $1::uuid and d.seq < $2::int8
 order by d.seq desc
 limit $3::int4;

-- name: giveUp
-- What is in hand just now is left to whoever has it.
update cairn.webhook_delivery d
   set due_ms = null, is_claimed = false, ended_ms = $1::int8, outcome = 'given up: ' || coalesce(d.outcome, 'its turn did not come in time')
 where d.created_ms < $2::int8 and d.due_ms is not null and not (d.is_claimed and d.due_ms > $1::int8);

-- name: purge
delete from cairn.webhook_delivery where ended_ms < $1::int8;

-- name: forget
delete from cairn.webhook w where w.ended_ms < $1::int8 and not exists (select from cairn.webhook_delivery d where d.webhook = w.id);
