-- How far each reader of a book's records has come.

-- name: readCursor
select c.seq from cairn.record_cursor c where c.reader = $1::text and c.book = $2::uuid;

-- name: moveCursor
-- Never backwards: of two passes at once the later one counts.
insert into cairn.record_cursor (reader, book, seq) values ($1::text, $2::uuid, $3::int8)
on conflict (reader, book) do update set seq = excluded.seq where cairn.record_cursor.seq < excluded.seq;

-- name: claimCursor
-- Waits for whoever holds the row; if that one moved it, nothing is written.
insert into cairn.record_cursor (reader, book, seq)
select $1::text, $2::uuid, $4::int8
 where $3::int8 = 0 or exists (select from cairn.record_cursor c where c.reader = $1::text and c.book = $2::uuid)
on conflict (reader, book) do update set seq = excluded.seq where cairn.record_cursor.seq = $3::int8;
