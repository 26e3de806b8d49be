-- Transactions on their way to the chain: stored before they leave, with every signed version that ever left.

create table cairn.outbox_transition (
  from_state  text  not null,
  to_state    text  not null,
  constraint outbox_transition_pk primary key (from_state, to_state)
);
comment on table cairn.outbox_transition is 'The same table as OUTBOX_TRANSITIONS in src/chain/outbox/states.ts; a test compares them';

insert into cairn.outbox_transition (from_state, to_state) values
  ('intent', 'signed'), ('intent', 'failed'),
  ('signed', 'sent'),
  ('sent', 'mined'), ('sent', 'intent'),
  ('mined', 'final'), ('mined', 'orphaned'), ('mined', 'failed'), ('mined', 'intent'),
  ('orphaned', 'sent'), ('orphaned', 'mined');

create table cairn.outbox_transaction (
  id              uuid            not null,
  -- The order in which they were asked for, and so the order of nonces.
  seq             int8            generated always as identity,
  chain_id        int8            not null,
  relayer         bytea           not null,
  purpose         text            not null,
  -- Null creates a contract.
  target          bytea,
  data            bytea           not null,
  value           numeric(78, 0)  not null,
  gas_limit       int8,
  deadline_ms     int8,
  not_before_ms   int8            not null,
  -- Of what was first asked for under this id: `data` may be rebuilt by its owner, the identity stays.
  request_digest  bytea           not null,
  state           text            not null,
  nonce           int8,
  -- The attempt that is in a block.
  mined_hash      bytea,
  failure         jsonb,
  rebuilds        int4            not null,
  created_ms      int8            not null,
  updated_ms      int8            not null,
  constraint outbox_transaction_pk primary key (id),
  constraint outbox_transaction_in_order unique (seq),
  -- One nonce of one key is one transaction: two processes that got past the lock still cannot both use it.
  constraint outbox_transaction_nonce_is_its_own unique (chain_id, relayer, nonce),
  constraint outbox_transaction_state_is_known check (state in ('intent', 'signed', 'sent', 'mined', 'orphaned', 'final', 'failed')),
  constraint outbox_transaction_relayer_is_an_address check (octet_length(relayer) = 20),
  constraint outbox_transaction_target_is_an_address check (octet_length(target) = 20),
  constraint outbox_transaction_digest_is_a_hash check (octet_length(request_digest) = 32),
  constraint outbox_transaction_intent_has_no_nonce check (state <> 'intent' or nonce is null),
  constraint outbox_transaction_sent_has_a_nonce check (state in ('intent', 'failed') or nonce is not null),
  constraint outbox_transaction_mined_is_in_a_block check ((mined_hash is not null) = (state in ('mined', 'final') or (state = 'failed' and nonce is not null))),
  constraint outbox_transaction_failed_says_why check ((failure is not null) = (state = 'failed'))
);

create index outbox_transaction_open on cairn.outbox_transaction (chain_id, relayer, seq) where state not in ('final', 'failed');

create table cairn.outbox_attempt (
  hash              bytea           not null,
  transaction       uuid            not null,
  attempt           int4            not null,
  nonce             int8            not null,
  kind              text            not null,
  raw               bytea           not null,
  gas_limit         int8            not null,
  max_fee           numeric(78, 0)  not null,
  max_priority_fee  numeric(78, 0)  not null,
  signed_ms         int8            not null,
  sent_ms           int8,
  -- What the chain said of it, while it is in a block.
  block_number      int8,
  block_hash        bytea,
  reverted          boolean,
  gas_used          int8,
  gas_price         numeric(78, 0),
  contract          bytea,
  logs              jsonb,
  constraint outbox_attempt_pk primary key (hash),
  constraint outbox_attempt_in_order unique (transaction, attempt),
  constraint outbox_attempt_belongs foreign key (transaction) references cairn.outbox_transaction (id),
  constraint outbox_attempt_hash_is_a_hash check (octet_length(hash) = 32),
  constraint outbox_attempt_kind_is_known check (kind in ('call', 'cancel')),
  constraint outbox_attempt_receipt_is_whole check (num_nulls(block_number, block_hash, reverted, gas_used, gas_price, logs) in (0, 6))
);

alter table cairn.outbox_transaction add constraint outbox_transaction_mined_is_an_attempt foreign key (mined_hash) references cairn.outbox_attempt (hash);

create function cairn.outbox_transaction_moves() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    if new.state <> 'intent' then
      raise exception 'a transaction begins as intent, not as %', new.state
        using errcode = 'check_violation', constraint = 'outbox_transaction_begins_as_intent';
    end if;
  elsif not exists (select from cairn.outbox_transition t where t.from_state = old.state) then
    raise exception 'transaction % is % for ever', old.id, old.state
      using errcode = 'check_violation', constraint = 'outbox_transaction_end_is_the_end';
  elsif new.state <> old.state and not exists (select from cairn.outbox_transition t where t.from_state = old.state and t.to_state = new.state) then
    raise exception 'no transaction goes from % to %', old.state, new.state
      using errcode = 'check_violation', constraint = 'outbox_transaction_transition';
  end if;
  return new;
end
$$;

create trigger outbox_transaction_moves before insert or update on cairn.outbox_transaction
  for each row execute function cairn.outbox_transaction_moves();

grant select, insert, update on cairn.outbox_transaction, cairn.outbox_attempt to cairn_app;
grant select on cairn.outbox_transition to cairn_app;
grant select on cairn.outbox_transaction, cairn.outbox_attempt, cairn.outbox_transition to cairn_read;
