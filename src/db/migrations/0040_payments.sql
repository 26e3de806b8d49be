-- Who may order, whom they may pay, what they ordered and how far each payment is. Money itself is only ever in a book.

create table cairn.merchant (
  merchant        uuid    not null,
  book            uuid    not null,
  name            text    not null,
  signing_key     bytea   not null,
  digest          bytea   not null,
  registered_ms   int8    not null,
  constraint merchant_pk primary key (merchant),
  constraint merchant_key_is_an_address check (octet_length(signing_key) = 20),
  constraint merchant_digest_is_a_hash check (octet_length(digest) = 32),
  constraint merchant_name_is_bounded check (length(name) between 1 and 140)
);

-- Every signature a merchant ever gave us, kept as evidence. A nonce is spent once a merchant, whatever it signed.
create table cairn.authorisation (
  digest      bytea   not null,
  merchant    uuid    not null,
  kind        text    not null,
  nonce       numeric(20, 0) not null,
  expiry_s    numeric(20, 0) not null,
  evidence    text    not null,
  accepted_ms int8    not null,
  -- Null until the book has recorded it: the coordinator books what a crash left behind.
  booked_seq  int8,
  constraint authorisation_pk primary key (digest),
  constraint authorisation_nonce_is_spent_once unique (merchant, nonce),
  constraint authorisation_kind_is_known check (kind in ('merchant', 'wallet', 'payee', 'order')),
  constraint authorisation_digest_is_a_hash check (octet_length(digest) = 32)
);

create table cairn.wallet (
  wallet    bytea not null,
  merchant  uuid  not null,
  digest    bytea not null,
  constraint wallet_pk primary key (wallet),
  constraint wallet_is_an_address check (octet_length(wallet) = 20),
  constraint wallet_merchant_is_known foreign key (merchant) references cairn.merchant (merchant),
  constraint wallet_is_authorised foreign key (digest) references cairn.authorisation (digest)
);

create table cairn.payee (
  payee       uuid    not null,
  merchant    uuid    not null,
  name        text    not null,
  account     text    not null,
  address     bytea   not null,
  asset       int4    not null,
  sandbox     boolean not null,
  digest      bytea   not null,
  added_ms    int8    not null,
  constraint payee_pk primary key (payee),
  constraint payee_address_is_an_address check (octet_length(address) = 20),
  constraint payee_address_is_not_zero check (address <> decode(repeat('00', 20), 'hex')),
  constraint payee_merchant_is_known foreign key (merchant) references cairn.merchant (merchant),
  constraint payee_is_authorised foreign key (digest) references cairn.authorisation (digest)
);

-- A merchant replaces an entry by signing another one for the same account: the newest in the book is in force, the others stay as evidence.
create index payee_of_account on cairn.payee (merchant, account);

create table cairn.order_file (
  order_id      uuid    not null,
  merchant      uuid    not null,
  account       uuid    not null,
  file_hash     bytea   not null,
  file          bytea   not null,
  message_id    text    not null,
  count         int4    not null,
  control_sum   text    not null,
  digest        bytea   not null,
  received_ms   int8    not null,
  constraint order_file_pk primary key (order_id),
  constraint order_file_is_taken_once unique (merchant, file_hash),
  constraint order_file_hash_is_a_hash check (octet_length(file_hash) = 32),
  constraint order_file_count_is_positive check (count > 0),
  constraint order_file_merchant_is_known foreign key (merchant) references cairn.merchant (merchant),
  constraint order_file_is_authorised foreign key (digest) references cairn.authorisation (digest)
);

-- The payment's state machine. src/payments/state.ts holds the same table; a test compares the two.
create table cairn.payment_transition (
  from_state text not null,
  to_state   text not null,
  constraint payment_transition_pk primary key (from_state, to_state)
);

insert into cairn.payment_transition (from_state, to_state)
values ('received', 'screened'), ('received', 'refused'),
       ('screened', 'quoted'), ('screened', 'refused'),
       ('quoted', 'held'), ('quoted', 'refused'), ('quoted', 'screened'), ('quoted', 'expired'),
       ('held', 'instructed'), ('held', 'expired'),
       ('instructed', 'settled'), ('instructed', 'returned');

create table cairn.payment (
  payment           uuid    not null,
  order_id          uuid    not null,
  position          int4    not null,
  merchant          uuid    not null,
  payee             uuid,
  state             text    not null,
  version           int4    not null,
  reason_code       text,
  reason            text,
  end_to_end_id     text    not null,
  creditor_name     text    not null,
  creditor_account  text    not null,
  currency          text    not null,
  instructed        text    not null,
  fingerprint       bytea   not null,
  screening         text,
  quote             text,
  -- The parsed instruction as canonical JSON, and the defect that the file itself shows, if any.
  instruction       text    not null,
  defect            text,
  hold              uuid    not null,
  hold_seq          int8,
  created_ms        int8    not null,
  updated_ms        int8    not null,
  due_ms            int8    not null,
  constraint payment_pk primary key (payment),
  constraint payment_hold_is_its_own unique (hold),
  constraint payment_is_one_of_its_file unique (order_id, position),
  constraint payment_order_is_known foreign key (order_id) references cairn.order_file (order_id),
  constraint payment_payee_is_known foreign key (payee) references cairn.payee (payee),
  constraint payment_state_is_known check (state in ('received', 'screened', 'quoted', 'held', 'instructed', 'settled', 'returned', 'refused', 'expired')),
  constraint payment_refusal_has_a_reason check (state not in ('refused', 'returned', 'expired') or (reason_code is not null and reason is not null)),
  constraint payment_hold_is_quoted check (state not in ('held', 'instructed', 'settled', 'returned', 'expired') or (quote is not null and hold_seq is not null and payee is not null))
);

-- A second payment with the same merchant, end-to-end id, payee account, currency and amount is a duplicate while the first one lives.
create unique index payment_is_not_a_duplicate on cairn.payment (merchant, fingerprint) where state not in ('refused', 'expired', 'returned', 'received');
create index payment_due on cairn.payment (due_ms) where state in ('received', 'screened', 'quoted');
create index payment_of_merchant on cairn.payment (merchant, payment);

create function cairn.payment_moves_along_the_table() returns trigger language plpgsql as $$
begin
  if new.version <> old.version + 1 then
    raise exception 'payment % has version %, not %', old.payment, old.version, new.version - 1
      using errcode = 'check_violation', constraint = 'payment_version_counts_up';
  end if;
  if new.state <> old.state and not exists (select from cairn.payment_transition t where t.from_state = old.state and t.to_state = new.state) then
    raise exception 'payment % cannot go from % to %', old.payment, old.state, new.state
      using errcode = 'check_violation', constraint = 'payment_moves_along_the_table';
  end if;
  return new;
end
$$;

create trigger payment_moves_along_the_table before update on cairn.payment for each row execute function cairn.payment_moves_along_the_table();

-- What happened to a payment, in order, for the merchant's timeline and for later webhooks: written in the transaction that changes the payment.
create table cairn.payment_event (
  payment   uuid  not null,
  version   int4  not null,
  state     text  not null,
  at_ms     int8  not null,
  detail    text  not null,
  constraint payment_event_pk primary key (payment, version),
  constraint payment_event_payment_is_known foreign key (payment) references cairn.payment (payment)
);

-- How far a reader of a book's records has come. One row a reader and book.
create table cairn.record_cursor (
  reader text not null,
  book   uuid not null,
  seq    int8 not null,
  constraint record_cursor_pk primary key (reader, book),
  constraint record_cursor_counts_from_zero check (seq >= 0)
);

grant select, insert on cairn.merchant, cairn.authorisation, cairn.wallet, cairn.payee, cairn.order_file, cairn.payment_event to cairn_app;
grant update (signing_key, digest) on cairn.merchant to cairn_app;
grant update (booked_seq) on cairn.authorisation to cairn_app;
create index authorisation_unbooked on cairn.authorisation (accepted_ms) where booked_seq is null;
grant select, insert, update on cairn.payment, cairn.record_cursor to cairn_app;
grant select on cairn.payment_transition to cairn_app;
grant select on all tables in schema cairn to cairn_read;
