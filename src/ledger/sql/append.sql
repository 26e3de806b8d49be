-- One batch: one statement, one round trip, one durable transaction. `book.` is replaced by the book's schema.
-- The writer has decided everything; PostgreSQL appends, and lets nothing through that was decided on anything but the latest state: the head must be where
-- the writer left it (cairn.fence). No two batches of a book ever run at the same time, because each begins with the one row of head. An account's balances
-- are appended as well, to its history: nothing is updated but the head and the holds.
-- The head has no index on seq, although a batch looks at every version of its row that a long snapshot keeps (4,000 on 50 pages, a tenth of a millisecond): with one, no version would
-- replace the one before it in place, each would go into the primary key as well, and that looks at all of them for the one row (4,000 pages).

-- name: appendTransfers
-- Transfers between accounts that are there, without holds and evidence: what nearly every batch is. A statement starts each of its parts, also the empty ones.
with moved as (
  update book.head set seq = $3::int8, now_ms = $4::int8 where seq = $1::int8 and epoch = $2::int8 returning 1
), transfers as (
  insert into book.journal (kind, now_ms, seq, id, pending_id, reference, debit, credit, asset, amount, code, flags, timeout_s, effective_ms)
  select 3, $4::int8, t.*
    from unnest(
      $5::int8[], $6::uuid[], $7::uuid[], $8::uuid[], $9::int4[], $10::int4[], $11::int8[], $12::numeric[], $13::int4[], $14::int2[], $15::int8[], $16::int8[]
    ) as t
), history as (
  insert into book.account_history (seq, account, flags, debits_pending, debits_posted, credits_pending, credits_posted, overdraft, earlier)
  select t.seq, t.account, t.flags, t.debits_pending, t.debits_posted, t.credits_pending, t.credits_posted, t.overdraft, t.earlier::int4[]
    from unnest(
      $17::int8[], $18::int4[], $19::int2[], $20::numeric[], $21::numeric[], $22::numeric[], $23::numeric[], $24::numeric[], $25::text[]
    ) as t (seq, account, flags, debits_pending, debits_posted, credits_pending, credits_posted, overdraft, earlier)
)
select cairn.fence((select count(*) from moved), 1);

-- name: append
with moved as (
  update book.head set seq = $3::int8, now_ms = $4::int8 where seq = $1::int8 and epoch = $2::int8 returning 1
), transfers as (
  insert into book.journal (kind, now_ms, seq, id, pending_id, reference, debit, credit, asset, amount, code, flags, timeout_s, effective_ms)
  select 3, $4::int8, t.*
    from unnest(
      $5::int8[], $6::uuid[], $7::uuid[], $8::uuid[], $9::int4[], $10::int4[], $11::int8[], $12::numeric[], $13::int4[], $14::int2[], $15::int8[], $16::int8[]
    ) as t
), history as (
  insert into book.account_history (seq, account, flags, debits_pending, debits_posted, credits_pending, credits_posted, overdraft, earlier)
  select t.seq, t.account, t.flags, t.debits_pending, t.debits_posted, t.credits_pending, t.credits_posted, t.overdraft, t.earlier::int4[]
    from unnest(
      $17::int8[], $18::int4[], $19::int2[], $20::numeric[], $21::numeric[], $22::numeric[], $23::numeric[], $24::numeric[], $25::text[]
    ) as t (seq, account, flags, debits_pending, debits_posted, credits_pending, credits_posted, overdraft, earlier)
), others as (
  insert into book.journal (now_ms, seq, kind, id, key, body)
  select $4::int8, o.* from unnest($26::int8[], $27::int2[], $28::uuid[], $29::text[], $30::jsonb[]) as o
), evidence as (
  insert into book.evidence (seq, subject, fields)
  select * from unnest($31::int8[], $32::uuid[], $33::jsonb[])
), opened as (
  insert into book.account (no, id, asset, code, owner)
  select * from unnest($34::int4[], $35::uuid[], $36::int8[], $37::int4[], $38::uuid[])
), held as (
  insert into book.pending (
    id, seq, debit, credit, asset, amount, code, reference, settles, expires_ms, captured, status, closed_by, window_seq, release_seq
  )
  select * from unnest(
    $39::uuid[], $40::int8[], $41::int4[], $42::int4[], $43::int8[], $44::numeric[], $45::int4[], $46::uuid[], $47::boolean[], $48::int8[],
    $49::numeric[], $50::text[], $51::uuid[], $52::int8[], $53::int8[]
  )
), settled as (
  -- A hold that another statement closed is not there to be changed, and the batch is fenced.
  update book.pending p
     set captured = h.captured, status = h.status, closed_by = h.closed_by, window_seq = h.window_seq, release_seq = h.release_seq
    from unnest($54::uuid[], $55::numeric[], $56::text[], $57::uuid[], $58::int8[], $59::int8[]) as h (id, captured, status, closed_by, window_seq, release_seq)
   where p.id = h.id and p.status = 'open'
  returning 1
)
select cairn.fence((select count(*) from moved) + (select count(*) from settled), $60::int8);
