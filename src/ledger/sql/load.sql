-- What the writer reads: the part of the book that a batch needs. `book.` is replaced by the book's schema.

-- name: create
select cairn.create_book($1::uuid);

-- name: lock
-- Held by the connection: it is free again at the moment the holder's connection ends, however that ends.
select pg_try_advisory_lock(hashtextextended('cairn.book ' || $1::uuid, 0)) as locked;

-- name: unlock
select pg_advisory_unlock(hashtextextended('cairn.book ' || $1::uuid, 0));

-- name: settings
-- For the writer's session. Durable, whatever the server's default is. And every join by an index: the planner knows neither how long the arrays of a batch are nor that what they
-- name is there, and otherwise reads a whole table for a few hundred rows of it; compiling a statement of a few milliseconds takes longer than it saves.
select set_config('synchronous_commit', 'on', false), set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false),
       set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false);

-- name: take
-- Whoever took the book before is fenced from here on.
update book.head set epoch = epoch + 1 returning seq, now_ms, epoch;

-- name: head
select seq, now_ms, epoch from book.head;

-- name: lastAccountNo
select coalesce(max(no), 0) as no from book.account;

-- name: accounts
select a.no, a.id, h.seq, a.asset, a.code, h.flags, a.owner, h.overdraft, h.debits_pending, h.debits_posted, h.credits_pending, h.credits_posted
  from book.account a
  cross join lateral (select * from book.account_history l where l.account = a.no order by l.seq desc limit 1) as h
 where a.id = any ($1::uuid[]);

-- name: holds
select p.id, p.seq, d.id as debit, c.id as credit, p.asset, p.amount, p.code, p.reference, p.settles, p.expires_ms, p.captured, p.status, p.closed_by,
       p.window_seq, p.release_seq
  from book.pending p
  join book.account d on d.no = p.debit
  join book.account c on c.no = p.credit
 where p.id = any ($1::uuid[]);

-- name: holdsToSettle
select p.id, p.seq, d.id as debit, c.id as credit, p.asset, p.amount, p.code, p.reference, p.settles, p.expires_ms, p.captured, p.status, p.closed_by,
       p.window_seq, p.release_seq
  from book.pending p
  join book.account d on d.no = p.debit
  join book.account c on c.no = p.credit
 where p.status = 'open' and p.window_seq is null and p.settles;

-- name: holdsDue
select id
  from book.pending
 where status = 'open' and window_seq is null and expires_ms is not null and expires_ms <= $1::int8
 order by expires_ms, id
 limit $2::int4;

-- name: byId
select j.seq, j.kind, j.now_ms, j.id, j.pending_id, j.reference, d.id as debit, c.id as credit, j.asset, j.amount, j.code, j.flags, j.timeout_s,
       j.effective_ms, j.body, e.subject, e.fields
  from book.journal j
  left join book.account d on d.no = j.debit
  left join book.account c on c.no = j.credit
  left join book.evidence e on e.seq = j.seq
 where j.id = any ($1::uuid[]);

-- name: byKey
select j.seq, j.kind, j.now_ms, j.key, j.body, e.subject, e.fields
  from book.journal j
  left join book.evidence e on e.seq = j.seq
 where j.key is not null and j.key = any ($1::text[]);

-- name: assets
select (body ->> 'asset')::int8 as asset from book.journal where key is not null and key >= 'asset:' and key < 'asset;';
