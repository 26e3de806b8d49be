-- What an operator sees of the books of a database.

-- name: books
select b.id, b.status, b.moved_to from cairn.book b order by b.id;

-- name: place
select b.status, b.moved_to from cairn.book b where b.id = $1::uuid;

-- name: standing
-- `held` for so many more milliseconds, by the clock of the server.
select h.seq, h.epoch, h.holder_pid, (extract(epoch from h.lease_until - clock_timestamp()) * 1000)::int8 as held_ms from book.head h;
