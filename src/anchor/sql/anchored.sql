-- The anchored log, leaf by leaf (migration 0020).

-- At most one batch a book goes into an anchor: its oldest that is in none.
-- name: batchesToAnchor
select distinct on (book) book, batch_no, first_seq, last_seq, previous_head, batch_root, sealed_ms
  from cairn.batch
 where log_index is null
 order by book, batch_no;

-- One statement for any number of books. In no order of ids: whoever is here has inserted the anchor, which a second process waits for and then fails on (anchor_pk).
-- name: placeBatches
update cairn.batch b
   set log_index = $1::int8, book_index = p.place - 1, book_count = $2::int4
  from unnest($3::uuid[], $4::int8[]) with ordinality as p (book, batch_no, place)
 where b.book = p.book and b.batch_no = p.batch_no and b.log_index is null;

-- name: lastAnchor
select log_index, leaf, previous, commitment, peaks, state, signature, outbox_id, attempts
  from cairn.anchor
 order by log_index desc
 limit 1;

-- name: openAnchors
select log_index, leaf, previous, commitment, peaks, state, signature, outbox_id, attempts
  from cairn.anchor
 where state <> 'final'
 order by log_index;

-- name: insertAnchor
insert into cairn.anchor (log_index, leaf, previous, commitment, peaks, created_ms)
values ($1::int8, $2::bytea, $3::bytea, $4::bytea, $5::bytea, $6::int8);

-- From 'signed' or 'sent' where another key is the poster than the one that signed. Never from 'mined': there is nothing to sign any more.
-- name: anchorSigned
update cairn.anchor
   set state = 'signed', signature = $2::bytea, attempts = $3::int4
 where log_index = $1::int8 and state = $4::text and attempts = $5::int4;

-- name: anchorSent
update cairn.anchor
   set state = 'sent', outbox_id = $2::uuid, attempts = $3::int4
 where log_index = $1::int8 and state in ('signed', 'sent');

-- name: anchorSeen
update cairn.anchor
   set state = $2::text, transaction_hash = $3::bytea, block_number = $4::int8, mined_ms = coalesce(mined_ms, $5::int8)
 where log_index = $1::int8 and state in ('sent', 'mined');

-- name: anchorOrphaned
update cairn.anchor
   set state = 'sent', transaction_hash = null, block_number = null, mined_ms = null
 where log_index = $1::int8 and state = 'mined';

-- name: anchorLeaves
select leaf
  from cairn.anchor
 where log_index >= $1::int8 and log_index < $2::int8
 order by log_index;

-- name: minedHead
select log_index, peaks
  from cairn.anchor
 where state in ('mined', 'final')
 order by log_index desc
 limit 1;

-- name: headAt
select peaks
  from cairn.anchor
 where log_index = $1::int8;
