-- Instructions and payouts as settlement follows them. The facts are the book's records and the chain's logs; these rows only say how far we are.

create table cairn.instruction (
  instruction   bytea   not null,
  book          uuid    not null,
  window_id     uuid    not null,
  index         int4    not null,
  seq           int8    not null,
  token         bytea   not null,
  asset         int4    not null,
  words         bytea   not null,
  total         numeric(39, 0) not null,
  not_after_s   int8    not null,
  state         text    not null,
  attempts      int4    not null,
  signature     bytea,
  due_ms        int8    not null,
  constraint instruction_pk primary key (instruction),
  constraint instruction_is_one_of_its_window unique (window_id, index),
  constraint instruction_hash_is_a_hash check (octet_length(instruction) = 32),
  constraint instruction_words_are_whole check (octet_length(words) % 32 = 0 and octet_length(words) between 32 and 255 * 32),
  constraint instruction_state_is_known check (state in ('booked', 'paying', 'paid', 'closed')),
  constraint instruction_attempts_count_up check (attempts >= 0)
);

create table cairn.payout (
  instruction   bytea   not null,
  index         int4    not null,
  payment       uuid    not null,
  hold          uuid    not null,
  address       bytea   not null,
  amount        numeric(39, 0) not null,
  state         text    not null,
  tx_hash       bytea,
  block_number  int8,
  tries         int4    not null,
  constraint payout_pk primary key (instruction, index),
  constraint payout_pays_a_hold_once unique (hold),
  constraint payout_instruction_is_known foreign key (instruction) references cairn.instruction (instruction),
  constraint payout_state_is_known check (state in ('open', 'failed', 'paid', 'booked', 'returned')),
  constraint payout_is_paid_by_a_transaction check (state not in ('paid', 'booked') or (tx_hash is not null and block_number is not null)),
  constraint payout_amount_is_positive check (amount > 0)
);

grant select, insert, update on cairn.instruction, cairn.payout to cairn_app;
grant select on cairn.instruction, cairn.payout to cairn_read;
