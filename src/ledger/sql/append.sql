-- One batch: one statement, one round trip, one durable transaction. `book.` is replaced by the book's schema.
-- The writer has decided everything; PostgreSQL appends, stores the balances after, and lets nothing through that was decided on anything but the latest
-- state: the head must be where the writer left it, and so must every account and hold that changes (cairn.fence). No two batches of a book ever run at
-- the same time (each begins with the one row of head), so accounts are locked in whatever order the join finds them.

-- name: append
with moved as (
  update book.head set seq = $3::int8, now_ms = $4::int8 where seq = $1::int8 and epoch = $2::int8 returning 1
), transfers as (
  insert into book.journal (kind, now_ms, seq, id, pending_id, reference, debit, credit, asset, amount, code, flags, timeout_s, effective_ms)
  select 3, $4::int8, t.*
    from unnest(
      $5::int8[], $6::uuid[], $7::uuid[], $8::uuid[], $9::int4[], $10::int4[], $11::int8[], $12::numeric[], $13::int4[], $14::int2[], $15::int8[], $16::int8[]
    ) as t
), others as (
  insert into book.journal (now_ms, seq, kind, id, key, body)
  select $4::int8, o.* from unnest($17::int8[], $18::int2[], $19::uuid[], $20::text[], $21::jsonb[]) as o
), evidence as (
  insert into book.evidence (seq, subject, fields)
  select * from unnest($22::int8[], $23::uuid[], $24::jsonb[])
), opened as (
  insert into book.account (
    no, id, asset, code, owner, overdraft, seq, flags, debits_pending, debits_posted, credits_pending, credits_posted
  )
  select * from unnest(
    $25::int4[], $26::uuid[], $27::int8[], $28::int4[], $29::uuid[], $30::numeric[],
    $31::int8[], $32::int2[], $33::numeric[], $34::numeric[], $35::numeric[], $36::numeric[]
  )
), touched as materialized (
  -- Opened accounts are among them (they have a history) and match no row to update: nothing of this statement sees what it inserts.
  select * from unnest(
    $37::int4[], $38::int8[], $39::int8[], $40::int2[], $41::numeric[], $42::numeric[], $43::numeric[], $44::numeric[], $45::text[]
  ) as t (no, was, seq, flags, debits_pending, debits_posted, credits_pending, credits_posted, earlier)
), balanced as (
  update book.account a
     set seq = t.seq, flags = t.flags, debits_pending = t.debits_pending, debits_posted = t.debits_posted,
         credits_pending = t.credits_pending, credits_posted = t.credits_posted
    from touched t
   where a.no = t.no and a.seq = t.was
  returning 1
), history as (
  insert into book.account_history (account, seq, debits_pending, debits_posted, credits_pending, credits_posted, earlier)
  select no, seq, debits_pending, debits_posted, credits_pending, credits_posted, earlier::int4[] from touched
), held as (
  insert into book.pending (
    id, seq, debit, credit, asset, amount, code, reference, settles, expires_ms, captured, status, closed_by, window_seq, release_seq
  )
  select * from unnest(
    $46::uuid[], $47::int8[], $48::int4[], $49::int4[], $50::int8[], $51::numeric[], $52::int4[], $53::uuid[], $54::boolean[], $55::int8[],
    $56::numeric[], $57::text[], $58::uuid[], $59::int8[], $60::int8[]
  )
), settled as (
  update book.pending p
     set captured = h.captured, status = h.status, closed_by = h.closed_by, window_seq = h.window_seq, release_seq = h.release_seq
    from unnest($61::uuid[], $62::numeric[], $63::text[], $64::uuid[], $65::int8[], $66::int8[]) as h (id, captured, status, closed_by, window_seq, release_seq)
   where p.id = h.id and p.status = 'open'
  returning 1
)
select cairn.fence(
  (select count(*) from moved) + (select count(*) from balanced) + (select count(*) from settled),
  $67::int8
);
