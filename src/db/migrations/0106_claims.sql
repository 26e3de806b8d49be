-- A plain transfer that came before its wallet was registered waits in suspense. Once the wallet is registered its earlier deposits are looked for, in the order of the chain.

create table cairn.wallet_search (
  wallet     bytea    not null,
  -- The last deposit that was looked at; none is in block -1.
  block      int8     not null default -1,
  log_index  int4     not null default -1,
  -- All that came before the wallet was registered was looked at; what comes later is credited at once.
  is_whole   boolean  not null default false,
  constraint wallet_search_pk primary key (wallet),
  constraint wallet_search_is_of_a_wallet foreign key (wallet) references cairn.wallet (wallet)
);

insert into cairn.wallet_search (wallet) select w.wallet from cairn.wallet w;

create index wallet_search_open on cairn.wallet_search (block, wallet) where not is_whole;
create index deposit_plain on cairn.deposit (chain_id, vault, sender, block_number, log_index) where state = 'final' and reference is null;

create function cairn.wallet_search_moves() returns trigger language plpgsql as $$
begin
  if old.is_whole or (new.block, new.log_index) < (old.block, old.log_index) then
    raise exception 'the search for the deposits of a wallet goes forward and ends once'
      using errcode = 'check_violation', constraint = 'wallet_search_goes_forward';
  end if;
  return new;
end
$$;

create trigger wallet_search_moves before update on cairn.wallet_search for each row execute function cairn.wallet_search_moves();

grant select, insert on cairn.wallet_search to cairn_app;
grant update (block, log_index, is_whole) on cairn.wallet_search to cairn_app;
grant select on cairn.wallet_search to cairn_read;
