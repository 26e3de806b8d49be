-- Batches and subjects' keys (migration 0020).

-- name: lastBatch
select batch_no, last_seq, book_record
  from cairn.batch
 where book = $1::uuid
 order by batch_no desc
 limit 1;

-- A second sealer of the same book fails on batch_first_seq_once, and finds the batch that is there.
-- name: insertBatch
insert into cairn.batch (book, batch_no, first_seq, last_seq, previous_head, batch_root, book_record, leaves, fields_roots, oldest_ms, sealed_ms)
values ($1::uuid, $2::int8, $3::int8, $4::int8, $5::bytea, $6::bytea, $7::bytea, $8::bytea, $9::bytea, $10::int8, $11::int8);

-- name: bookRecordOf
select book_record
  from cairn.batch
 where book = $1::uuid and batch_no = $2::int8;

-- name: batchesAfter
select batch_no, first_seq, last_seq, previous_head, batch_root, book_record, leaves, fields_roots, oldest_ms, sealed_ms
  from cairn.batch
 where book = $1::uuid and batch_no > $2::int8
 order by batch_no
 limit $3::int4;

-- In id order, so that two sealers that meet the same new subjects wait for each other instead of deadlocking.
-- name: addSubjectKeys
insert into cairn.subject_key (subject, key)
select s.subject, s.key
  from unnest($1::uuid[], $2::bytea[]) as s (subject, key)
 order by s.subject
    on conflict on constraint subject_key_pk do nothing;

-- name: subjectKeys
select subject, key
  from cairn.subject_key
 where subject = any ($1::uuid[]);

-- Batches have no gap, so the first that ends there or later is the one: found without a look at those before or behind it.
-- name: batchOf
select b.book, b.batch_no, b.first_seq, b.last_seq, b.previous_head, b.batch_root, b.book_record, b.leaves, b.fields_roots, b.book_index, b.book_count,
       a.log_index, a.leaf as anchor_leaf, a.peaks, a.state, a.transaction_hash
  from cairn.batch b
  left join cairn.anchor a on a.log_index = b.log_index
 where b.book = $1::uuid and b.first_seq <= $2::int8 and b.last_seq >= $2::int8
 order by b.last_seq
 limit 1;

-- name: anchorStateOf
select a.state
  from (select b.log_index, b.first_seq from cairn.batch b where b.book = $1::uuid and b.last_seq >= $2::int8 order by b.last_seq limit 1) b
  join cairn.anchor a on a.log_index = b.log_index
 where b.first_seq <= $2::int8;

-- name: bookRecordsOf
select book_record
  from cairn.batch
 where log_index = $1::int8
 order by book_index;

-- name: listBatches
select b.book, b.batch_no, b.first_seq, b.last_seq, b.batch_root, b.book_record, b.sealed_ms, a.log_index, a.state, a.transaction_hash
  from cairn.batch b
  left join cairn.anchor a on a.log_index = b.log_index
 where b.book = $1::uuid and b.batch_no > $2::int8
 order by b.batch_no
 limit $3::int8;

-- A book's time never goes back, so its oldest batch without a place has the oldest of those records; beside it are only the few anchors on their way to a block.
-- name: oldestUnanchored
select b.book, least(unplaced.oldest_ms, moving.oldest_ms) as oldest_ms, newest.last_seq
  from unnest($1::uuid[]) as b (book)
  join lateral (select n.last_seq from cairn.batch n where n.book = b.book order by n.last_seq desc limit 1) as newest on true
  left join lateral (select u.oldest_ms from cairn.batch u where u.book = b.book and u.log_index is null order by u.batch_no limit 1) as unplaced on true
  left join lateral (
    select min(m.oldest_ms) as oldest_ms
      from cairn.anchor a
      join cairn.batch m on m.log_index = a.log_index and m.book = b.book
     where a.state <> 'final' and a.state <> 'mined'
  ) as moving on true;
