-- What readers ask of a book. `book.` is replaced by the book's schema.

-- name: schema
select schema_name from cairn.book where id = $1::uuid;

-- name: accountsOf
select a.no, a.id, h.seq, a.asset, a.code, h.flags, a.owner, h.overdraft, h.debits_pending, h.debits_posted, h.credits_pending, h.credits_posted
  from (select * from book.account o where o.owner = $1::uuid and o.id > $2::uuid order by o.id limit $3::int4) as a
  cross join lateral (select * from book.account_history l where l.account = a.no order by l.seq desc limit 1) as h
 order by a.id;

-- name: records
select j.seq, j.kind, j.now_ms, j.id, j.pending_id, j.reference, d.id as debit, c.id as credit, j.asset, j.amount, j.code, j.flags, j.timeout_s,
       j.effective_ms, j.body, e.subject, e.fields
  from (select * from book.journal where seq >= $1::int8 order by seq limit $2::int4) as j
  left join book.account d on d.no = j.debit
  left join book.account c on c.no = j.credit
  left join book.evidence e on e.seq = j.seq
 order by j.seq;

-- name: seqAt
-- The last record written at or before a time. Times never go back along the sequence, so the place is found by halving instead of by an index.
with recursive halving as (
  select 0::int8 as low, (select seq from book.head) as high
  union all
  select case when at.now_ms <= $1::int8 then at.seq else h.low end, case when at.now_ms <= $1::int8 then h.high else at.seq - 1 end
    from halving h
    cross join lateral (select seq, now_ms from book.journal where seq = (h.low + h.high + 1) / 2) as at
   where h.low < h.high
)
select low as seq from halving where low = high;

-- name: before
-- The account after the last batch that touched it at or before a record. Its number is a value here and not a join: only then does the planner know that the
-- index has the account's rows in order, and reads one of them instead of sorting all.
select h.seq, h.debits_pending, h.debits_posted, h.credits_pending, h.credits_posted
  from book.account_history h
 where h.account = (select a.no from book.account a where a.id = $1::uuid) and h.seq <= $2::int8
 order by h.seq desc
 limit 1;

-- name: next
-- The batch after that one, if it began at or before the record: its records for the account up to there.
select n.seq - o.back as seq
  from (
    select h.seq, h.earlier
      from book.account_history h
     where h.account = (select a.no from book.account a where a.id = $1::uuid) and h.seq > $2::int8
     order by h.seq
     limit 1
  ) as n
  cross join lateral unnest(n.earlier) as o (back)
 where n.seq - o.back <= $2::int8
 order by 1;

-- name: entries
-- The records that touched an account before a place in the sequence, latest first. They need no index of their own: the history knows them. The batch that
-- reaches over that place is looked at as well.
with batches as (
  (select h.seq, h.earlier
     from book.account_history h
    where h.account = (select a.no from book.account a where a.id = $1::uuid) and h.seq < $2::int8
    order by h.seq desc
    limit $3::int4)
  union all
  (select h.seq, h.earlier
     from book.account_history h
    where h.account = (select a.no from book.account a where a.id = $1::uuid) and h.seq >= $2::int8
    order by h.seq
    limit 1)
)
select t.seq
  from batches b
  cross join lateral (select b.seq - o.back as seq from unnest(array[0] || coalesce(b.earlier, '{}')) as o (back)) as t
 where t.seq < $2::int8
 order by t.seq desc
 limit $3::int4;

-- name: bySeq
select j.seq, j.kind, j.now_ms, j.id, j.pending_id, j.reference, d.id as debit, c.id as credit, j.asset, j.amount, j.code, j.flags, j.timeout_s,
       j.effective_ms, j.body, e.subject, e.fields
  from book.journal j
  left join book.account d on d.no = j.debit
  left join book.account c on c.no = j.credit
  left join book.evidence e on e.seq = j.seq
 where j.seq = any ($1::int8[])
 order by j.seq;

-- name: holdsOfWindow
select p.id, p.seq, d.id as debit, c.id as credit, p.asset, p.amount, p.code, p.reference, p.settles, p.expires_ms, p.captured, p.status, p.closed_by,
       p.window_seq, p.release_seq
  from book.pending p
  join book.account d on d.no = p.debit
  join book.account c on c.no = p.credit
 where p.window_seq = $1::int8
 order by p.seq;

-- name: interbookHolds
-- The open holds of transfers between books (code 20), in the order of their records. The code is a literal because the index pending_between knows these holds only.
select p.id, p.seq, d.id as debit, c.id as credit, p.asset, p.amount, p.code, p.reference, p.settles, p.expires_ms, p.captured, p.status, p.closed_by,
       p.window_seq, p.release_seq
  from book.pending p
  join book.account d on d.no = p.debit
  join book.account c on c.no = p.credit
 where p.status = 'open' and p.code = 20 and p.seq > $1::int8
 order by p.seq
 limit $2::int4;
