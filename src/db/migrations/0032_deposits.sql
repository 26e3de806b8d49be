-- Money that arrives in the vault: a view of what can still go, and a cursor behind what is credited.

create table cairn.deposit_transition (
  from_state  text  not null,
  to_state    text  not null,
  constraint deposit_transition_pk primary key (from_state, to_state)
);
comment on table cairn.deposit_transition is 'The same table as DEPOSIT_TRANSITIONS in src/chain/deposits/states.ts; a test compares them';

insert into cairn.deposit_transition (from_state, to_state) values
  ('seen', 'gone'), ('seen', 'final'),
  ('gone', 'seen'), ('gone', 'final');

create table cairn.deposit (
  chain_id          int8            not null,
  transaction_hash  bytea           not null,
  -- Of the token's Transfer in its block.
  log_index         int4            not null,
  vault             bytea           not null,
  block_number      int8            not null,
  block_hash        bytea           not null,
  token             bytea           not null,
  sender            bytea           not null,
  amount            numeric(78, 0)  not null,
  -- Null for a plain transfer.
  reference         bytea,
  state             text            not null,
  updated_ms        int8            not null,
  constraint deposit_pk primary key (chain_id, transaction_hash, log_index),
  constraint deposit_state_is_known check (state in ('seen', 'gone', 'final')),
  constraint deposit_amount_is_positive check (amount > 0),
  constraint deposit_transaction_is_a_hash check (octet_length(transaction_hash) = 32),
  constraint deposit_block_is_a_hash check (octet_length(block_hash) = 32),
  constraint deposit_token_is_an_address check (octet_length(token) = 20),
  constraint deposit_sender_is_an_address check (octet_length(sender) = 20),
  constraint deposit_reference_is_a_word check (octet_length(reference) = 32)
);

create index deposit_not_final on cairn.deposit (chain_id, vault, block_number) where state = 'seen';

create table cairn.deposit_cursor (
  chain_id    int8   not null,
  vault       bytea  not null,
  -- The last block whose deposits are all credited, and what it was: a final block that changes is an alarm.
  block       int8   not null,
  block_hash  bytea  not null,
  constraint deposit_cursor_pk primary key (chain_id, vault),
  constraint deposit_cursor_block_is_a_hash check (octet_length(block_hash) = 32)
);

create function cairn.deposit_moves() returns trigger language plpgsql as $$
begin
  if new.state <> old.state and not exists (select from cairn.deposit_transition t where t.from_state = old.state and t.to_state = new.state) then
    raise exception 'no deposit goes from % to %', old.state, new.state
      using errcode = 'check_violation', constraint = 'deposit_state_transition';
  end if;
  if old.state = 'final' and new is distinct from old then
    raise exception 'a final deposit is what it is for ever'
      using errcode = 'check_violation', constraint = 'deposit_final_is_for_ever';
  end if;
  return new;
end
$$;

create trigger deposit_moves before update on cairn.deposit for each row execute function cairn.deposit_moves();

create function cairn.deposit_cursor_moves() returns trigger language plpgsql as $$
begin
  if new.block <= old.block then
    raise exception 'the cursor of deposits never goes back from % to %', old.block, new.block
      using errcode = 'check_violation', constraint = 'deposit_cursor_goes_forward';
  end if;
  return new;
end
$$;

create trigger deposit_cursor_moves before update on cairn.deposit_cursor for each row execute function cairn.deposit_cursor_moves();

grant select, insert, update on cairn.deposit, cairn.deposit_cursor to cairn_app;
grant select on cairn.deposit_transition to cairn_app;
grant select on cairn.deposit, cairn.deposit_cursor, cairn.deposit_transition to cairn_read;
