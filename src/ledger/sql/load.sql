-- What the writer reads: the part of the book that a batch needs. `book.` is replaced by the book's schema.

-- name: create
select cairn.create_book($1::uuid);

-- name: whereabouts
-- Whether the book may be written here at all, and who took it last.
select b.status, b.moved_to, h.holder from cairn.book b cross join book.head h where b.id = $1::uuid;

-- name: place
-- Where the book is, also where this database has nothing of it but that.
select b.status, b.moved_to from cairn.book b where b.id = $1::uuid;

-- name: standing
-- How far the book has come, for its readers, and whether it still comes any further here.
select h.seq, h.now_ms, b.status, b.moved_to from book.head h join cairn.book b on b.id = $1::uuid;

-- name: take
-- Whoever took the book before is fenced from here on. The lock is free at the moment its holder's connection ends, however that ends; a holder that only stands still has a lease that
-- runs out. Both come in one statement, so that nobody who stands still between them keeps the lock without a lease. The epoch is durable before anything is decided in it, whatever the
-- server's default is: one that a crash takes back would be given a second time, and no fence would tell the two holders apart.
with lock as materialized (
  select pg_try_advisory_lock(hashtextextended('cairn.book ' || $1::uuid, 0)) as is_ours, set_config('synchronous_commit', 'on', true) as durability
)
update book.head h
   set epoch = h.epoch + 1, holder = $2::uuid, holder_pid = pg_backend_pid(), lease_until = clock_timestamp() + $3::int8 * interval '1 millisecond',
       holder_since = (select a.backend_start from pg_stat_activity a where a.pid = pg_backend_pid())
  from lock
 where lock.is_ours and lock.durability = 'on'
returning h.seq, h.now_ms, h.epoch, ceil(extract(epoch from clock_timestamp()) * 1000)::int8 as server_ms;

-- name: evict
-- Ends the session of a holder whose lease has run out, by the clock of the server, which all of them share; or one of our own that we lost. Its batches are not what this protects from:
-- those the epoch refuses.
select pg_terminate_backend(a.pid)
  from book.head h
  join pg_stat_activity a on a.pid = h.holder_pid and a.backend_start = h.holder_since
 where h.lease_until < clock_timestamp() or h.holder = $1::uuid;

-- name: renew
update book.head set lease_until = clock_timestamp() + $2::int8 * interval '1 millisecond' where epoch = $1::int8
returning ceil(extract(epoch from clock_timestamp()) * 1000)::int8 as server_ms;

-- name: atWork
-- Whether the session that took the book in this epoch runs a statement, or waits in one.
select 1 as yes
  from book.head h
  join pg_stat_activity a on a.pid = h.holder_pid and a.backend_start = h.holder_since
 where h.epoch = $1::int8 and a.state = 'active';

-- name: clock
-- The server's, which all who write its books share.
select ceil(extract(epoch from clock_timestamp()) * 1000)::int8 as server_ms;

-- name: unlock
select pg_advisory_unlock(hashtextextended('cairn.book ' || $1::uuid, 0));

-- name: settings
-- For the writer's session. Durable, whatever the server's default is. And every join by an index: the planner knows neither how long the arrays of a batch are nor that what they
-- name is there, and otherwise reads a whole table for a few hundred rows of it; compiling a statement of a few milliseconds takes longer than it saves.
select set_config('synchronous_commit', 'on', false), set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false),
       set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false);

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
