-- name: insertDeployment
insert into cairn.deployment (chain_id, parameters, safe, safe_contracts, timelock, anchor, vault, tokens, deployer, block_number, block_hash, deployed_ms)
values ($1::int8, $2::bytea, $3::bytea, $4::jsonb, $5::bytea, $6::bytea, $7::bytea, $8::jsonb, $9::bytea, $10::int8, $11::bytea, $12::int8)

-- name: readDeployment
select * from cairn.deployment
