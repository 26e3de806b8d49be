-- name: insertDeployment
insert into cairn.deployment (chain_id, parameters, timelock, anchor, vault, tokens, deployer, block_number, block_hash, deployed_ms)
values ($1::int8, $2::bytea, $3::bytea, $4::bytea, $5::bytea, $6::jsonb, $7::bytea, $8::int8, $9::bytea, $10::int8)

-- name: readDeployment
select * from cairn.deployment
