-- What an export reads, in one snapshot and page by page. `book.` is replaced by the schema of the book.

-- name: deployment
select d.chain_id, d.timelock, d.anchor, d.vault, d.tokens, d.block_number from cairn.deployment d;

-- name: ownBook
-- No row where it is not here, or is only on its way to here or from here.
select b.id, b.schema_name from cairn.platform p join cairn.book b on b.id = p.book and b.status = 'open';

-- name: records
-- Left joins: a record whose account is gone is exported with that hole, so that the audit can name it.
select j.seq, j.kind, j.now_ms, j.id, j.pending_id, j.reference, d.id as debit, c.id as credit, j.asset, j.amount, j.code, j.flags, j.timeout_s,
       j.effective_ms, j.body, e.subject, e.fields, k.key as subject_key
  from (select * from book.journal where seq > $1::int8 order by seq limit $2::int4) as j
  left join book.account d on d.no = j.debit
  left join book.account c on c.no = j.credit
  left join book.evidence e on e.seq = j.seq
  left join cairn.subject_key k on k.subject = e.subject
 order by j.seq;

-- name: accounts
-- As after the last batch that touched it.
select a.no, a.id, h.seq, a.asset, a.code, h.flags, a.owner, h.overdraft, h.debits_pending, h.debits_posted, h.credits_pending, h.credits_posted
  from book.account a
  cross join lateral (select * from book.account_history l where l.account = a.no order by l.seq desc limit 1) as h
 where a.no > $1::int4
 order by a.no
 limit $2::int4;

-- name: openHolds
select p.id, p.seq, d.id as debit, c.id as credit, p.asset, p.amount, p.captured, p.window_seq, p.release_seq
  from book.pending p
  left join book.account d on d.no = p.debit
  left join book.account c on c.no = p.credit
 where p.status = 'open' and p.seq > $1::int8
 order by p.seq
 limit $2::int4;

-- name: batches
select b.batch_no, b.first_seq, b.last_seq, b.previous_head, b.batch_root, b.book_record, b.leaves, b.fields_roots, b.log_index
  from cairn.batch b
 where b.book = $1::uuid and b.batch_no > $2::int8
 order by b.batch_no
 limit $3::int4;

-- name: anchors
-- Every book record under the leaf, opened: whoever sees all of them sees that none of them is of his book but his own.
select a.log_index, a.leaf, a.state, a.transaction_hash,
       array(select jsonb_build_object('book', b.book, 'firstSeq', b.first_seq::text, 'lastSeq', b.last_seq::text,
                                       'previousHead', '0x' || encode(b.previous_head, 'hex'), 'batchRoot', '0x' || encode(b.batch_root, 'hex'))
               from cairn.batch b
              where b.log_index = a.log_index
              order by b.book_index) as books
  from cairn.anchor a
 where a.log_index > $1::int8
 order by a.log_index
 limit $2::int4;

-- name: orders
select o.order_id from cairn.order_file o order by o.order_id;

-- name: orderFile
select o.order_id, o.merchant, o.account, o.file_hash, o.file, o.digest from cairn.order_file o where o.order_id = $1::uuid;

-- name: payments
select p.payment, p.order_id, p.position, p.merchant, p.payee, p.state, p.reason_code, p.reason, p.end_to_end_id, p.creditor_name, p.creditor_account,
       p.currency, p.instructed, p.hold, p.hold_seq
  from cairn.payment p
 where p.payment > $1::uuid
 order by p.payment
 limit $2::int4;

-- name: merchants
select m.merchant, m.signing_key, m.digest from cairn.merchant m where m.merchant > $1::uuid order by m.merchant limit $2::int4;

-- name: wallets
select w.wallet, w.merchant, w.digest from cairn.wallet w where w.wallet > $1::bytea order by w.wallet limit $2::int4;

-- name: payees
select p.payee, p.merchant, p.name, p.account, p.address, p.asset, p.digest
  from cairn.payee p
 where p.payee > $1::uuid
 order by p.payee
 limit $2::int4;
