-- The contracts of this deployment: made once, pinned for ever.

create table cairn.deployment (
  -- One row: a database belongs to one deployment.
  single            boolean  not null default true,
  chain_id          int8     not null,
  parameters        bytea    not null,
  timelock          bytea    not null,
  anchor            bytea    not null,
  vault             bytea    not null,
  -- [{symbol, decimals, address}]
  tokens            jsonb    not null,
  deployer          bytea    not null,
  -- The first block of it: nothing of ours is older, and while the chain still has it under this hash it is the same chain.
  block_number      int8     not null,
  block_hash        bytea    not null,
  deployed_ms       int8     not null,
  constraint deployment_pk primary key (single),
  constraint deployment_is_one check (single),
  constraint deployment_parameters_is_a_hash check (octet_length(parameters) = 32),
  constraint deployment_block_is_a_hash check (octet_length(block_hash) = 32),
  constraint deployment_timelock_is_an_address check (octet_length(timelock) = 20),
  constraint deployment_anchor_is_an_address check (octet_length(anchor) = 20),
  constraint deployment_vault_is_an_address check (octet_length(vault) = 20),
  constraint deployment_deployer_is_an_address check (octet_length(deployer) = 20)
);

grant select, insert on cairn.deployment to cairn_app;
grant select on cairn.deployment to cairn_read;
