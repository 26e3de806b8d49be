-- One relayer key, one sender: a session lock, given back by PostgreSQL itself when the process dies.

-- name: lock
select pg_try_advisory_lock($1::int8) as locked

-- name: unlock
select pg_advisory_unlock($1::int8)
