-- An account's balances are the last row of its history, and nothing of an account is ever updated: a batch writes one row an account instead of two, and
-- leaves no dead one behind. The rules that stood beside `account` as constraints now stand beside the history, where every balance passes.

do $$
declare
  book record;
begin
  for book in select b.schema_name as name from cairn.book b order by b.id loop
    perform set_config('search_path', format('%I, pg_catalog', book.name), true);
    alter table account_history add flags int2, add overdraft numeric(39, 0);
    -- An account is opened with its flags and may be closed by a record of the same kind: each row has those of the last of these up to it.
    update account_history h
       set overdraft = a.overdraft,
           flags = coalesce(
             (select (r.body ->> 'flags')::int2 from (select * from journal j where j.kind = 2) r
               where r.body ->> 'id' = a.id::text and r.seq <= h.seq order by r.seq desc limit 1),
             a.flags
           )
      from account a
     where a.no = h.account;
    alter table account_history
        alter flags set not null,
        alter overdraft set not null,
        add constraint account_flags_are_known check (flags between 0 and 15),
        add constraint account_has_one_limit check (flags & 6 <> 6),
        add constraint account_overdraft_needs_a_limit check (overdraft between 0 and 340282366920938463463374607431768211455 and (overdraft = 0 or flags & 6 <> 0)),
        add constraint account_pending_is_never_negative check (debits_pending >= 0 and credits_pending >= 0),
        add constraint account_posted_is_never_negative check (debits_posted >= 0 and credits_posted >= 0),
        add constraint account_debits_fit check (debits_pending + debits_posted <= 340282366920938463463374607431768211455),
        add constraint account_credits_fit check (credits_pending + credits_posted <= 340282366920938463463374607431768211455),
        add constraint account_debits_within_credits check (flags & 2 = 0 or debits_pending + debits_posted <= credits_posted + overdraft),
        add constraint account_credits_within_debits check (flags & 4 = 0 or credits_pending + credits_posted <= debits_posted + overdraft);
    alter table account
        drop column seq,
        drop column flags,
        drop column overdraft,
        drop column debits_pending,
        drop column debits_posted,
        drop column credits_pending,
        drop column credits_posted,
        reset (fillfactor);
  end loop;
  perform set_config('search_path', '', true);
end
$$;

-- Makes the schema of a book, once; any number of callers at the same moment get the same one. Runs with the owner's rights, so that the application can
-- open books without being able to make or own tables.
create or replace function cairn.create_book(book uuid) returns text
language plpgsql security definer set search_path = pg_catalog as $$
declare
  name text := 'book_' || replace(book::text, '-', '');
begin
  perform pg_advisory_xact_lock(hashtextextended('cairn.create_book', 0));
  if exists (select from cairn.book b where b.id = book) then
    return name;
  end if;
  execute format('create schema %I', name);
  execute format('grant usage on schema %I to cairn_app, cairn_read', name);
  -- Undone when the function returns (its own SET).
  perform set_config('search_path', format('%I, pg_catalog', name), true);

  -- Where the journal stands; `epoch` goes up whenever a writer takes the book. A batch is accepted only on the seq and in the epoch its writer knows.
  create table head (
    seq int8 not null default 0,
    now_ms int8 not null default 0,
    epoch int8 not null default 0,
    only_row boolean not null default true constraint head_has_one_row primary key,
    constraint head_is_the_only_row check (only_row)
  );
  insert into head default values;

  -- `no` is the account's short name in the tables beside it: 12 bytes less than its id, five times a transfer. Its balances are in its history.
  create table account (
    no int4 primary key,
    id uuid not null constraint account_once unique,
    asset int8 not null,
    code int4 not null,
    owner uuid not null,
    constraint account_id_is_given check (id not in ('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff')),
    constraint account_asset_is_given check (asset between 1 and 4294967295),
    constraint account_code_is_given check (code between 1 and 65535)
  );
  create index account_of_owner on account (owner, id);

  -- Every record, once, for ever. A transfer (kind 3) has its columns; any other kind its body. A refusal (kind 4) stands under the id it refuses, so that
  -- one index keeps both from ever being booked. Nil and zero are null: most transfers have no hold, no timeout, no date of their own.
  create table journal (
    seq int8 constraint journal_seq_once primary key,
    now_ms int8 not null,
    asset int8,
    timeout_s int8,
    effective_ms int8,
    id uuid constraint journal_id_once unique,
    pending_id uuid,
    reference uuid,
    debit int4,
    credit int4,
    code int4,
    kind int2 not null,
    flags int2,
    amount numeric(39, 0),
    key text collate "C",
    body jsonb,
    constraint journal_kind_is_known check (kind between 1 and 15),
    constraint journal_transfer_is_whole check (
      case when kind = 3 then num_nulls(id, debit, credit, asset, amount, code, flags) = 0 and body is null else body is not null end
    ),
    constraint journal_accounts_differ check (debit <> credit),
    constraint journal_amount_fits check (amount between 0 and 340282366920938463463374607431768211455),
    constraint journal_flags_agree check (
      flags is null or flags between 0 and 255
      and case flags & 12
        when 12 then false
        when 0 then flags & 128 = 0 and pending_id is null
        else flags & 114 = 0 and pending_id is not null
      end
    ),
    constraint journal_only_holds_settle_or_time_out check (flags & 2 <> 0 or (flags & 64 = 0 and timeout_s is null)),
    constraint journal_void_is_not_final check (flags & 136 <> 136)
  );
  create unique index journal_key_once on journal (key) where key is not null;

  -- An account after each batch that touched it, the last one as it is now: `seq` is the last record of the batch that did, `earlier` how far before it the
  -- others stand. Appended to and never changed: an account that is touched costs one row, and no row of it is ever dead.
  create table account_history (
    seq int8 not null,
    account int4 not null,
    flags int2 not null,
    debits_pending numeric(39, 0) not null,
    debits_posted numeric(39, 0) not null,
    credits_pending numeric(39, 0) not null,
    credits_posted numeric(39, 0) not null,
    overdraft numeric(39, 0) not null,
    earlier int4[],
    constraint account_history_once primary key (account, seq),
    constraint account_flags_are_known check (flags between 0 and 15),
    constraint account_has_one_limit check (flags & 6 <> 6),
    constraint account_overdraft_needs_a_limit check (overdraft between 0 and 340282366920938463463374607431768211455 and (overdraft = 0 or flags & 6 <> 0)),
    constraint account_pending_is_never_negative check (debits_pending >= 0 and credits_pending >= 0),
    constraint account_posted_is_never_negative check (debits_posted >= 0 and credits_posted >= 0),
    constraint account_debits_fit check (debits_pending + debits_posted <= 340282366920938463463374607431768211455),
    constraint account_credits_fit check (credits_pending + credits_posted <= 340282366920938463463374607431768211455),
    constraint account_debits_within_credits check (flags & 2 = 0 or debits_pending + debits_posted <= credits_posted + overdraft),
    constraint account_credits_within_debits check (flags & 4 = 0 or credits_pending + credits_posted <= debits_posted + overdraft)
  );

  -- Every pending transfer and what became of it.
  create table pending (
    id uuid constraint pending_once primary key,
    seq int8 not null,
    asset int8 not null,
    expires_ms int8,
    window_seq int8,
    release_seq int8,
    reference uuid,
    closed_by uuid,
    debit int4 not null,
    credit int4 not null,
    code int4 not null,
    settles boolean not null,
    status text not null,
    amount numeric(39, 0) not null,
    captured numeric(39, 0) not null,
    constraint pending_status_is_known check (status in ('open', 'posted', 'voided', 'expired')),
    constraint pending_captures_fit check (captured between 0 and amount),
    constraint pending_closer_is_named check ((closed_by is not null) = (status in ('posted', 'voided'))),
    constraint pending_in_window_settles check (window_seq is null or settles),
    constraint pending_in_window_does_not_expire check (window_seq is null or status <> 'expired'),
    constraint pending_in_window_is_not_voided check (window_seq is null or release_seq is not null or status <> 'voided'),
    constraint pending_release_follows_window check (release_seq is null or window_seq is not null and window_seq < release_seq),
    constraint pending_released_is_only_voided check (release_seq is null or status in ('open', 'voided')),
    constraint pending_without_timeout_does_not_expire check (expires_ms is not null or status <> 'expired')
  ) with (fillfactor = 70);
  create index pending_due on pending (expires_ms) where status = 'open' and window_seq is null and expires_ms is not null;
  create index pending_to_settle on pending (seq) where status = 'open' and window_seq is null and settles;
  create index pending_of_window on pending (window_seq) where window_seq is not null;

  -- The fields of a record, canonical JSON by name. Apart from the journal, because erasing a person deletes them and no record.
  create table evidence (
    seq int8 constraint evidence_once primary key,
    subject uuid not null,
    fields jsonb
  );

  -- The journal and the balances are appended to and never changed; the head and the holds move, nothing else of them does.
  execute format('grant select on all tables in schema %I to cairn_app, cairn_read', name);
  grant insert on journal, account, account_history, pending, evidence to cairn_app;
  grant update (seq, now_ms, epoch) on head to cairn_app;
  grant update (captured, status, closed_by, window_seq, release_seq) on pending to cairn_app;

  insert into cairn.book (id, schema_name) values (book, name);
  return name;
end
$$;
revoke all on function cairn.create_book(uuid) from public;
grant execute on function cairn.create_book(uuid) to cairn_app;
