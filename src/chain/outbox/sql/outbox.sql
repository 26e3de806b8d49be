-- Statements of the outbox. Every change of state names the state it leaves, so that a change which met another is no change.

-- name: insertTransaction
insert into cairn.outbox_transaction
  (id, chain_id, relayer, purpose, target, data, value, gas_limit, deadline_ms, not_before_ms, request_digest, state, rebuilds, created_ms, updated_ms)
values
  ($1::uuid, $2::int8, $3::bytea, $4::text, $5::bytea, $6::bytea, $7::numeric, $8::int8, $9::int8, 0, $10::bytea, 'intent', 0, $11::int8, $11::int8)
on conflict on constraint outbox_transaction_pk do nothing

-- name: requestDigest
select request_digest from cairn.outbox_transaction where id = $1::uuid

-- name: openTransactions
select * from cairn.outbox_transaction
where chain_id = $1::int8 and relayer = $2::bytea and state not in ('final', 'failed')
order by nonce nulls last, seq

-- name: transactionById
select * from cairn.outbox_transaction where id = $1::uuid

-- name: nonceIsSettled
select from cairn.outbox_transaction
where chain_id = $1::int8 and relayer = $2::bytea and nonce = $3::int8 and state in ('final', 'failed')

-- name: attemptsOf
select * from cairn.outbox_attempt where transaction = any ($1::uuid[]) order by transaction, attempt

-- name: insertAttempt
insert into cairn.outbox_attempt (hash, transaction, attempt, nonce, kind, raw, gas_limit, max_fee, max_priority_fee, signed_ms)
select $1::bytea, $2::uuid, count(*)::int4 + 1, $3::int8, $4::text, $5::bytea, $6::int8, $7::numeric, $8::numeric, $9::int8
from cairn.outbox_attempt where transaction = $2::uuid

-- name: sign
update cairn.outbox_transaction set state = 'signed', nonce = $3::int8, data = $4::bytea, updated_ms = $2::int8
where id = $1::uuid and state = 'intent'

-- name: attemptSent
update cairn.outbox_attempt set sent_ms = $2::int8 where hash = $1::bytea

-- name: sent
update cairn.outbox_transaction set state = 'sent', updated_ms = $2::int8
where id = $1::uuid and state in ('signed', 'sent', 'orphaned')

-- name: attemptMined
update cairn.outbox_attempt
set block_number = $2::int8, block_hash = $3::bytea, reverted = $4::boolean, gas_used = $5::int8, gas_price = $6::numeric, contract = $7::bytea, logs = $8::jsonb
where hash = $1::bytea

-- name: mined
update cairn.outbox_transaction set state = 'mined', mined_hash = $3::bytea, updated_ms = $2::int8
where id = $1::uuid and state in ('sent', 'orphaned')

-- name: attemptOrphaned
update cairn.outbox_attempt
set block_number = null, block_hash = null, reverted = null, gas_used = null, gas_price = null, contract = null, logs = null
where hash = $1::bytea

-- name: orphaned
update cairn.outbox_transaction set state = 'orphaned', mined_hash = null, updated_ms = $2::int8
where id = $1::uuid and state = 'mined'

-- name: final
update cairn.outbox_transaction set state = 'final', updated_ms = $2::int8
where id = $1::uuid and state = 'mined'

-- name: failed
update cairn.outbox_transaction set state = 'failed', failure = $3::jsonb, updated_ms = $2::int8
where id = $1::uuid and state in ('intent', 'mined')

-- name: reopened
update cairn.outbox_transaction
set state = 'intent', nonce = null, mined_hash = null, data = $3::bytea, not_before_ms = $4::int8, rebuilds = rebuilds + $5::int4, updated_ms = $2::int8
where id = $1::uuid and state in ('intent', 'sent', 'mined')
