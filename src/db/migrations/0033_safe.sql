-- The Safe that proposes to the timelock, and the contracts that every Safe of the chain shares. A deployment from before it has none, and is refused at start.

alter table cairn.deployment
  add column safe            bytea,
  -- {singleton, factory, fallbackHandler, multiSend, multiSendCallOnly}
  add column safe_contracts  jsonb,
  add constraint deployment_safe_is_an_address check (octet_length(safe) = 20),
  add constraint deployment_safe_is_whole check ((safe is null) = (safe_contracts is null));
