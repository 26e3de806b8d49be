-- name: readCursor
select block, block_hash from cairn.deposit_cursor where chain_id = $1::int8 and vault = $2::bytea

-- name: moveCursor
insert into cairn.deposit_cursor (chain_id, vault, block, block_hash) values ($1::int8, $2::bytea, $3::int8, $4::bytea)
on conflict on constraint deposit_cursor_pk do update set block = excluded.block, block_hash = excluded.block_hash

-- name: stateOf
select state from cairn.deposit where chain_id = $1::int8 and transaction_hash = $2::bytea and log_index = $3::int4

-- name: putDeposit
insert into cairn.deposit (chain_id, transaction_hash, log_index, vault, block_number, block_hash, token, sender, amount, reference, state, updated_ms)
values ($1::int8, $2::bytea, $3::int4, $4::bytea, $5::int8, $6::bytea, $7::bytea, $8::bytea, $9::numeric, $10::bytea, $11::text, $12::int8)
on conflict on constraint deposit_pk do update
set block_number = excluded.block_number, block_hash = excluded.block_hash, token = excluded.token, sender = excluded.sender, amount = excluded.amount,
    reference = excluded.reference, state = excluded.state, updated_ms = excluded.updated_ms
where cairn.deposit.state <> 'final'

-- name: seenDeposits
select * from cairn.deposit where chain_id = $1::int8 and vault = $2::bytea and state = 'seen' order by block_number, log_index

-- name: gone
update cairn.deposit set state = 'gone', updated_ms = $4::int8
where chain_id = $1::int8 and transaction_hash = $2::bytea and log_index = $3::int4 and state = 'seen'

-- name: plainDeposits
-- From one sender, behind a place of the chain, in its order.
select * from cairn.deposit
where chain_id = $1::int8 and vault = $2::bytea and sender = $3::bytea and state = 'final' and reference is null
  and (block_number, log_index) > ($4::int8, $5::int4)
order by block_number, log_index
limit $6::int4
