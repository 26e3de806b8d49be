-- What a replay builds: in the temporary schema of its own connection, which is empty when it begins and gone with the connection, however that ends.

-- name: session
-- The role can only read what is stored; the tables of this connection are its own to write. No time limit: a comparison reads whole tables.
select set_config('default_transaction_read_only', 'off', false), set_config('statement_timeout', '0', false), set_config('temp_buffers', '64MB', false), set_config('jit', 'off', false);

-- name: accountTable
-- `rows` counts the rows of its history that were found to be as the records give them.
create temporary table replayed_account (
  id uuid primary key, asset int8, code int4, owner uuid, flags int2, overdraft numeric, debits_pending numeric, debits_posted numeric, credits_pending numeric,
  credits_posted numeric, seq int8, rows int8
);

-- name: holdTable
-- `moved_seq`: the last record that took it, captured, closed or released it.
create temporary table replayed_hold (
  id uuid primary key, seq int8, debit uuid, credit uuid, asset int8, amount numeric, code int4, reference uuid, settles boolean, expires_ms int8,
  captured numeric, status text, closed_by uuid, window_seq int8, release_seq int8, moved_seq int8
);

-- name: holdIndex
create index replayed_hold_to_settle on pg_temp.replayed_hold (seq) where status = 'open' and window_seq is null and settles;

-- name: clear
truncate pg_temp.replayed_account, pg_temp.replayed_hold;

-- name: streaming
-- Joins by an index: the planner knows nothing of arrays and of tables that nobody analyses.
select set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false), set_config('enable_seqscan', 'off', false);

-- name: comparing
select set_config('enable_hashjoin', 'on', false), set_config('enable_mergejoin', 'on', false), set_config('enable_seqscan', 'on', false);

-- name: analyze
analyze pg_temp.replayed_account, pg_temp.replayed_hold;

-- name: putAccounts
insert into pg_temp.replayed_account as r
select *
  from unnest(
    $1::uuid[], $2::int8[], $3::int4[], $4::uuid[], $5::int2[], $6::numeric[], $7::numeric[], $8::numeric[], $9::numeric[], $10::numeric[], $11::int8[], $12::int8[]
  )
on conflict (id) do update
   set flags = excluded.flags, overdraft = excluded.overdraft, debits_pending = excluded.debits_pending, debits_posted = excluded.debits_posted,
       credits_pending = excluded.credits_pending, credits_posted = excluded.credits_posted, seq = excluded.seq, rows = r.rows + excluded.rows;

-- name: putHolds
insert into pg_temp.replayed_hold
select *
  from unnest(
    $1::uuid[], $2::int8[], $3::uuid[], $4::uuid[], $5::int8[], $6::numeric[], $7::int4[], $8::uuid[], $9::boolean[], $10::int8[], $11::numeric[], $12::text[],
    $13::uuid[], $14::int8[], $15::int8[], $16::int8[]
  )
on conflict (id) do update
   set captured = excluded.captured, status = excluded.status, closed_by = excluded.closed_by, window_seq = excluded.window_seq,
       release_seq = excluded.release_seq, moved_seq = excluded.moved_seq;

-- name: accounts
select id, asset, code, owner, flags, overdraft, debits_pending, debits_posted, credits_pending, credits_posted, seq
  from pg_temp.replayed_account
 where id = any ($1::uuid[]);

-- name: holds
select * from pg_temp.replayed_hold where id = any ($1::uuid[]);

-- name: holdsToSettle
select * from pg_temp.replayed_hold where status = 'open' and window_seq is null and settles;

-- name: counts
select (select count(*) from pg_temp.replayed_account) as accounts, (select count(*) from pg_temp.replayed_hold) as holds;
