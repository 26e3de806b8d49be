-- What a replay is compared with. `book.` is replaced by the schema of the book.

-- name: snapshot
set transaction isolation level repeatable read;

-- name: books
-- One that is about to leave is still here.
select b.id from cairn.book b where b.status in ('open', 'moving') order by b.id;

-- name: chain
select chain_id from cairn.deployment;

-- name: head
select h.seq, h.now_ms, coalesce((select max(j.seq) from book.journal j), 0) as last from book.head h;

-- name: filed
-- What a record is filed under beside its body: the id of a refusal, the key of what has one. A transfer is filed under its id alone, which is part of what it says.
select j.seq, j.kind, j.id, j.key from book.journal j where j.seq between $1::int8 and $2::int8 and (j.kind <> 3 or j.key is not null);

-- name: bookedBefore
-- Of these ids and keys, one that a record before this one has already. The unique indexes do not allow it; whoever changes tables drops indexes as well.
(select j.seq, j.id::text as name from book.journal j where j.id = any ($1::uuid[]) and j.seq < $3::int8 limit 1)
union all
(select j.seq, j.key as name from book.journal j where j.key is not null and j.key = any ($2::text[]) and j.seq < $3::int8 limit 1);

-- name: history
select a.id as account, h.seq, h.flags, h.overdraft, h.debits_pending, h.debits_posted, h.credits_pending, h.credits_posted, h.earlier
  from book.account a
  join book.account_history h on h.account = a.no
 where a.id = any ($1::uuid[]) and h.seq between $2::int8 and $3::int8
 order by h.seq;

-- name: sealedEnd
select coalesce(max(b.last_seq), 0) as seq from cairn.batch b where b.book = $1::uuid;

-- name: batch
select b.batch_no, b.first_seq, b.last_seq, b.previous_head, b.batch_root, b.book_record, b.leaves, b.fields_roots
  from cairn.batch b
 where b.book = $1::uuid and b.batch_no > $2::int8
 order by b.batch_no
 limit 1;

-- name: subjectKeys
select k.subject, k.key from cairn.subject_key k where k.subject = any ($1::uuid[]);

-- name: anchors
select a.log_index, a.leaf, a.previous, a.commitment, a.peaks,
       array(select b.book_record from cairn.batch b where b.log_index = a.log_index order by b.book_index) as books
  from cairn.anchor a
 where a.log_index > $1::int8
 order by a.log_index
 limit 1000;

-- name: wrongAccount
-- The first account that is not stored as the records give it, and in which member.
select coalesce(r.id, s.id) as id, r.id is null as unknown, s.id is null as missing, d.name, d.replayed, d.stored
  from (
    select id, asset, code, owner, flags, overdraft, debits_pending, debits_posted, credits_pending, credits_posted, seq from pg_temp.replayed_account
  ) as r
  full join (
    select a.id, a.asset, a.code, a.owner, l.flags, l.overdraft, l.debits_pending, l.debits_posted, l.credits_pending, l.credits_posted, l.seq
      from book.account a
      left join lateral (select * from book.account_history h where h.account = a.no order by h.seq desc limit 1) as l on true
  ) as s on s.id = r.id
  left join lateral (
    select e.key as name, e.value as replayed, t.value as stored
      from jsonb_each_text(to_jsonb(r)) as e
      join jsonb_each_text(to_jsonb(s)) as t on t.key = e.key
     where e.value is distinct from t.value
     order by e.key
     limit 1
  ) as d on true
 where r.id is null or s.id is null
    or (r.asset, r.code, r.owner, r.flags, r.overdraft, r.debits_pending, r.debits_posted, r.credits_pending, r.credits_posted, r.seq)
       is distinct from (s.asset, s.code, s.owner, s.flags, s.overdraft, s.debits_pending, s.debits_posted, s.credits_pending, s.credits_posted, s.seq)
 order by coalesce(r.seq, s.seq), 1
 limit 1;

-- name: wrongHold
select coalesce(r.id, s.id) as id, r.id is null as unknown, s.id is null as missing, d.name, d.replayed, d.stored
  from (
    select id, seq, debit, credit, asset, amount, code, reference, settles, expires_ms, captured, status, closed_by, window_seq, release_seq
      from pg_temp.replayed_hold
  ) as r
  full join (
    select p.id, p.seq, x.id as debit, y.id as credit, p.asset, p.amount, p.code, p.reference, p.settles, p.expires_ms, p.captured, p.status, p.closed_by,
           p.window_seq, p.release_seq
      from book.pending p
      left join book.account x on x.no = p.debit
      left join book.account y on y.no = p.credit
  ) as s on s.id = r.id
  left join lateral (
    select e.key as name, e.value as replayed, t.value as stored
      from jsonb_each_text(to_jsonb(r)) as e
      join jsonb_each_text(to_jsonb(s)) as t on t.key = e.key
     where e.value is distinct from t.value
     order by e.key
     limit 1
  ) as d on true
 where r.id is null or s.id is null
    or (r.seq, r.debit, r.credit, r.asset, r.amount, r.code, r.reference, r.settles, r.expires_ms, r.captured, r.status, r.closed_by, r.window_seq, r.release_seq)
       is distinct from
       (s.seq, s.debit, s.credit, s.asset, s.amount, s.code, s.reference, s.settles, s.expires_ms, s.captured, s.status, s.closed_by, s.window_seq, s.release_seq)
 order by coalesce(r.seq, s.seq), 1
 limit 1;

-- name: wrongHistory
-- Rows that no record accounts for: each that one does was compared when the record was replayed.
select coalesce(r.id::text, 'number ' || h.account) as id, coalesce(h.rows, 0) as stored, coalesce(r.rows, 0) as replayed
  from (select account, count(*) as rows from book.account_history group by account) as h
  left join book.account a on a.no = h.account
  full join pg_temp.replayed_account r on r.id = a.id
 where coalesce(h.rows, 0) <> coalesce(r.rows, 0)
 order by 1
 limit 1;

-- name: strayEvidence
select e.seq from book.evidence e left join book.journal j on j.seq = e.seq where j.seq is null order by e.seq limit 1;

-- name: strayCursor
select c.reader, c.seq from cairn.record_cursor c where c.book = $1::uuid and c.seq > $2::int8 order by c.reader limit 1;

-- name: wrongPayment
-- A payment whose hold last moved at or before the record that payments have read to: its state follows from the hold alone.
with expected as (
  select h.id, h.seq,
         case when h.status = 'posted' or h.captured > 0 then 'settled'
              when h.status = 'voided' then 'returned'
              when h.status = 'expired' then 'expired'
              when h.window_seq is not null then 'instructed'
              else 'held'
         end as state
    from pg_temp.replayed_hold h
    join cairn.record_cursor c on c.reader = 'payments' and c.book = $1::uuid
   where h.moved_seq <= c.seq
)
select p.payment, p.state as stored, e.state as replayed, p.hold_seq, e.seq
  from cairn.payment p
  join expected e on e.id = p.hold
 where p.state <> e.state or p.hold_seq is distinct from e.seq
 order by e.seq
 limit 1;

-- name: strayPayment
select p.payment, p.state
  from cairn.payment p
 where p.hold_seq is not null
   and not exists (select from pg_temp.replayed_hold h where h.id = p.hold)
   and exists (select from cairn.record_cursor c where c.reader = 'payments' and c.book = $1::uuid)
 order by p.payment
 limit 1;

-- name: wrongInstruction
-- What settlement remembers of an instruction follows from its record, and from the holds that its window took.
select i.window_id, i.index, i.seq
  from cairn.instruction i
  left join book.journal j on j.seq = i.seq and j.kind = 10
  left join lateral (
    select count(*) as count, sum(p.amount) as total, bool_and(w.seq is not null) as taken
      from cairn.payout p
      left join pg_temp.replayed_hold h on h.id = p.hold
      left join book.journal w on w.seq = h.window_seq and (w.body ->> 'window')::uuid = i.window_id
     where p.instruction = i.instruction
  ) as p on true
 where i.book = $1::uuid
   and (
     j.seq is null or (j.body ->> 'window')::uuid <> i.window_id or (j.body ->> 'index')::int4 <> i.index or (j.body ->> 'total')::numeric <> i.total
     or (j.body ->> 'notAfterS')::int8 <> i.not_after_s or j.body ->> 'token' <> '0x' || encode(i.token, 'hex')
     or p.count <> (j.body ->> 'count')::int8 or p.total is distinct from i.total or not coalesce(p.taken, false)
   )
 order by i.seq
 limit 1;
