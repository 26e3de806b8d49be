-- Order files and payments. A payment is only ever changed by movePayment, which counts its version up and writes its event in the same statement.

-- name: insertOrderFile
insert into cairn.order_file (order_id, merchant, account, file_hash, file, message_id, count, control_sum, digest, received_ms)
values ($1::uuid, $2::uuid, $3::uuid, $4::bytea, $5::bytea, $6::text, $7::int4, $8::text, $9::bytea, $10::int8);

-- name: findOrderFile
select o.order_id, o.merchant, o.account, o.file_hash, o.message_id, o.count, o.control_sum, o.digest, o.received_ms
  from cairn.order_file o
 where o.order_id = $1::uuid;

-- name: findOrderFileByHash
select o.order_id, o.merchant, o.account, o.file_hash, o.message_id, o.count, o.control_sum, o.digest, o.received_ms
  from cairn.order_file o
 where o.merchant = $1::uuid and o.file_hash = $2::bytea;

-- name: orderFileBytes
select o.file from cairn.order_file o where o.order_id = $1::uuid;

-- name: insertPayments
-- All payments of a file at once, with the first event of each.
with added as (
  insert into cairn.payment (payment, order_id, position, merchant, state, version, end_to_end_id, creditor_name, creditor_account, currency, instructed,
                             fingerprint, instruction, defect, hold, created_ms, updated_ms, due_ms)
  select x.payment, $1::uuid, x.position, $2::uuid, 'received', 1, x.end_to_end_id, x.creditor_name, x.creditor_account, x.currency, x.instructed,
         x.fingerprint, x.instruction, x.defect, x.hold, $3::int8, $3::int8, $3::int8
    from unnest($4::uuid[], $5::int4[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[], $12::text[], $13::text[], $14::uuid[])
      as x(payment, position, end_to_end_id, creditor_name, creditor_account, currency, instructed, fingerprint, instruction, defect, hold)
  returning payment
)
insert into cairn.payment_event (payment, version, state, at_ms, detail) select a.payment, 1, 'received', $3::int8, '' from added a;

-- name: duePayments
select p.* from cairn.payment p
 where p.state in ('received', 'screened', 'quoted') and p.due_ms <= $1::int8
 order by p.created_ms, p.order_id, p.position
 limit $2::int4;

-- name: findPayment
select p.* from cairn.payment p where p.payment = $1::uuid;

-- name: findPaymentByHold
select p.* from cairn.payment p where p.hold = $1::uuid;

-- name: heldPaymentsInRange
select p.* from cairn.payment p where p.state = 'held' and p.hold_seq between $1::int8 and $2::int8 order by p.payment;

-- name: listPayments
select p.* from cairn.payment p where p.merchant = $1::uuid and p.payment > $2::uuid order by p.payment limit $3::int4;

-- name: paymentsOfOrder
select p.* from cairn.payment p where p.order_id = $1::uuid order by p.position;

-- name: isAnyHeld
select exists (select from cairn.payment p where p.state = 'held') as held;

-- name: twinOf
-- The living payment that a refused duplicate repeats.
select p.payment, p.end_to_end_id, p.created_ms
  from cairn.payment p
 where p.merchant = $1::uuid and p.fingerprint = $2::bytea and p.payment <> $3::uuid and p.state not in ('refused', 'expired', 'returned', 'received')
 limit 1;

-- name: movePayment
-- Nothing is returned where somebody else moved the payment first: the version is the compare-and-set.
with moved as (
  update cairn.payment p
     set state = $3::text, version = p.version + 1, updated_ms = $4::int8, due_ms = $4::int8,
         payee = coalesce($5::uuid, p.payee), screening = coalesce($6::text, p.screening), quote = coalesce($7::text, p.quote),
         hold_seq = coalesce($8::int8, p.hold_seq), reason_code = coalesce($9::text, p.reason_code), reason = coalesce($10::text, p.reason)
   where p.payment = $1::uuid and p.version = $2::int4
  returning p.payment, p.version, p.state
)
insert into cairn.payment_event (payment, version, state, at_ms, detail)
select m.payment, m.version, m.state, $4::int8, coalesce($10::text, '') from moved m
returning version;

-- name: postponePayment
update cairn.payment set version = version + 1, due_ms = $3::int8 where payment = $1::uuid and version = $2::int4;

-- name: eventsOf
select e.version, e.state, e.at_ms, e.detail from cairn.payment_event e where e.payment = $1::uuid order by e.version;
