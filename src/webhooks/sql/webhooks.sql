-- Endpoints of merchants, and what each of them is still to be told.

-- name: add
-- The same endpoint again is no error: the caller compares the row that is there.
insert into cairn.webhook (id, merchant, url, secret, created_ms)
select $1::uuid, $2::uuid, $3::text, $4::bytea, $5::int8
 where (select count(*) from cairn.webhook w where w.merchant = $2::uuid and w.ended_ms is null and w.id <> $1::uuid) < $6::int4
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
update cairn.webhook_delivery set due_ms = null, ended_ms = $2::int8, outcome = 'the endpoint was ended' where webhook = $1::uuid and due_ms is not null;

-- name: open
-- Held until the records of this page are enqueued: who ends an endpoint meanwhile waits, and ends these as well.
select w.id, w.merchant from cairn.webhook w where w.ended_ms is null order by w.id for share;

-- name: enqueue
insert into cairn.webhook_delivery (webhook, book, seq, body, due_ms)
select d.webhook, $1::uuid, d.seq, d.body, $2::int8 from unnest($3::uuid[], $4::int8[], $5::text[]) as d (webhook, seq, body);

-- name: claim
-- The first that is due of each endpoint that nothing is under way to, in order; it is not due again to anybody before $3. Of two processes at once the later one finds it moved.
with first as (
  select w.id as webhook, d.book, d.seq, w.url, w.secret
    from cairn.webhook w
    cross join lateral (
      select l.book, l.seq
        from cairn.webhook_delivery l
       where l.webhook = w.id and l.due_ms <= $1::int8
       order by l.due_ms, l.seq
       limit 1
    ) as d
   where w.ended_ms is null and not w.id = any ($2::uuid[])
   order by w.id
   limit $4::int4
)
update cairn.webhook_delivery d
   set due_ms = $3::int8, attempts = d.attempts + 1
  from first f
 where d.webhook = f.webhook and d.book = f.book and d.seq = f.seq and d.due_ms <= $1::int8
returning d.webhook, d.book, d.seq, d.body, d.attempts, f.url, f.secret;

-- name: settle
update cairn.webhook_delivery set due_ms = $4::int8, ended_ms = $5::int8, outcome = $6::text
 where webhook = $1::uuid and book = $2::uuid and seq = $3::int8 and due_ms is not null;

-- name: deliveries
select d.book, d.seq, d.attempts, d.due_ms, d.ended_ms, d.outcome
  from cairn.webhook_delivery d
 where d.webhook = $1::uuid and d.seq < $2::int8
 order by d.seq desc
 limit $3::int4;

-- name: purge
delete from cairn.webhook_delivery where ended_ms < $1::int8;
