-- The move of a book to another database. `book.` is replaced by the book's schema. Runs with the owner's rights: the application may neither leave a book nor bring one.

-- name: lock
-- One move of a book at a time, for as long as the mover's connection lives: that of one that was killed ends with the statement it is in, which is waited for. Held at both ends, the
-- source's first, by the very session that writes there: a mover that lost either of them changes nothing any more.
select pg_advisory_lock(hashtextextended('cairn.move ' || $1::uuid, 0));

-- name: settings
-- Each step is durable before the next one, whatever the server's default is: what is left for good must stay left. And every page is read by its key: a copy has no statistics yet, and
-- without them the planner reads a whole table for each account.
select set_config('synchronous_commit', 'on', false), set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
       set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false);

-- name: find
select b.status, b.moved_to from cairn.book b where b.id = $1::uuid;

-- name: ties
-- What a book has in tables beside it that do not move. The platform's own book is bound to its contracts before it has a merchant. A book that is sealed
-- into the deployment's database goes on being sealed there, wherever it is.
select exists (select from cairn.merchant m where m.book = $1::uuid)
       or exists (select from cairn.platform p where p.book = $1::uuid) as is_of_the_platform,
       exists (select from cairn.batch s where s.book = $1::uuid) and not exists (select from cairn.deployment) as is_sealed;

-- name: make
select cairn.create_book($1::uuid);

-- name: arrive
-- A copy that was begun, one that is old, or a book that this very transaction made, so that no writer ever finds it open here before all of it is.
update cairn.book
   set status = 'arriving', moved_to = null
 where id = $1::uuid and (status in ('arriving', 'moved') or xmin = pg_current_xact_id()::xid)
returning id;

-- name: arriving
-- Before each change to the copy, in its transaction: nobody opens the copy until that has ended.
select b.id from cairn.book b where b.id = $1::uuid and b.status = 'arriving' for no key update;

-- name: stand
-- No writer gets past here: head_stands_where_it_was_left.
update book.head
   set seq = $1::int8, now_ms = $2::int8, epoch = $3::int8, left_seq = $1::int8, left_epoch = $3::int8,
       holder = null, holder_pid = null, holder_since = null, lease_until = null;

-- name: head
select h.seq, h.now_ms, h.epoch from book.head h;

-- name: headToLeave
-- Waits for the batch that is under way, and holds up the next one: it will be of an earlier epoch.
select h.seq, h.now_ms, h.epoch from book.head h for update;

-- name: depart
update cairn.book set status = 'moving', moved_to = $2::text where id = $1::uuid and status = 'open' returning id;

-- name: leave
-- The point of no return: from here on the copy is the book, and never this one again.
update cairn.book set status = 'moved' where id = $1::uuid and status = 'moving' returning id;

-- name: stay
update cairn.book set status = 'open', moved_to = null where id = $1::uuid and status = 'moving' returning id;

-- name: open
-- Only the copy that stands where the source was left: of a record and an epoch that no other copy has.
update cairn.book b
   set status = 'open'
  from book.head h
 where b.id = $1::uuid and b.status = 'arriving' and h.left_seq = $2::int8 and h.left_epoch = $3::int8
returning b.id;

-- name: goOn
-- The epochs go on from those of the source: whoever wrote there is fenced here as well.
update book.head set epoch = epoch + 1, left_seq = null, left_epoch = null;

-- name: copied
-- How far the copy has come: each page is one statement, and they come in order.
select (select coalesce(max(j.seq), 0) from book.journal j) as journal, (select coalesce(max(a.no), 0) from book.account a) as account,
       (select coalesce(max(e.seq), 0) from book.evidence e) as evidence;

-- name: emptyChanging
-- Holds that were open when an earlier run copied them, and evidence that may have been erased since.
truncate book.pending, book.evidence;

-- name: emptyEvidence
truncate book.evidence;

-- name: emptyAll
truncate book.journal, book.evidence, book.account, book.account_history, book.pending;

-- name: countEvidence
-- It is only ever erased, so that as many rows are the same rows. By its key: nothing of what it holds is read.
select count(*) as rows from book.evidence;

-- A page of a table, as JSON: exact in every type, the columns by name and in one order, so that the texts of two databases can be compared. `after` is the key
-- that the next page goes on behind.

-- name: readJournal
select coalesce(jsonb_agg(to_jsonb(j) order by j.seq), '[]')::text as rows, array[max(j.seq)::text] as after
  from (select * from book.journal where seq > ($1::text[])[1]::int8 and seq <= $2::int8 order by seq limit $3::int4) as j;

-- name: readEvidence
select coalesce(jsonb_agg(to_jsonb(e) order by e.seq), '[]')::text as rows, array[max(e.seq)::text] as after
  from (select * from book.evidence where seq > ($1::text[])[1]::int8 and seq <= $2::int8 order by seq limit $3::int4) as e;

-- name: readHistory
-- Account by account, each from its own place in the index on: what was copied before is not read again.
with page as (
  select l.*
    from book.account a
    cross join lateral (
      select *
        from book.account_history h
       where h.account = a.no and h.seq <= $2::int8
         and h.seq > greatest(($1::text[])[3]::int8, case when a.no = ($1::text[])[1]::int4 then ($1::text[])[2]::int8 else 0 end)
       order by h.seq
       limit $3::int4
    ) as l
   where a.no >= ($1::text[])[1]::int4
   order by a.no, l.seq
   limit $3::int4
)
select coalesce(jsonb_agg(to_jsonb(h) order by h.account, h.seq), '[]')::text as rows,
       (select array[l.account::text, l.seq::text, ($1::text[])[3]] from page l order by l.account desc, l.seq desc limit 1) as after
  from page h;

-- name: readAccounts
select coalesce(jsonb_agg(to_jsonb(a) order by a.no), '[]')::text as rows, array[max(a.no)::text] as after
  from (select * from book.account where no > ($1::text[])[1]::int4 and $2::int8 >= 0 order by no limit $3::int4) as a;

-- name: readHolds
select coalesce(jsonb_agg(to_jsonb(p) order by p.id), '[]')::text as rows from book.pending p where p.id = any ($1::uuid[]);

-- name: writeJournal
insert into book.journal select * from jsonb_populate_recordset(null::book.journal, $1::jsonb);

-- name: writeEvidence
insert into book.evidence select * from jsonb_populate_recordset(null::book.evidence, $1::jsonb);

-- name: writeHistory
-- A copy that was interrupted begins this table anew: its rows come in the order of the accounts, not of the sequence.
insert into book.account_history select * from jsonb_populate_recordset(null::book.account_history, $1::jsonb) on conflict do nothing;

-- name: writeAccounts
insert into book.account select * from jsonb_populate_recordset(null::book.account, $1::jsonb);

-- name: writePending
insert into book.pending select * from jsonb_populate_recordset(null::book.pending, $1::jsonb);
