-- name: insertDeployment
insert into cairn.deployment (chain_id, safe, safe_contracts, timelock, anchor, vault, tokens, deployer, block_number, block_hash, deployed_ms)
values ($1::int8, $2::bytea, $3::jsonb, $4::bytea, $5::bytea, $6::bytea, $7::jsonb, $8::bytea, $9::int8, $10::bytea, $11::int8)

-- name: readDeployment
select * from cairn.deployment
