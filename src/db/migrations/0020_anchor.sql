-- What of each book is sealed into batches, and what of those is in the anchored log. Bytes and formulas: docs/formats.md, "The log".

-- One appended leaf of the deployment's log. Rows are never taken back: a signed leaf is sent again, never replaced by another.
create table cairn.anchor (
  -- Its position in the log.
  log_index int8 not null,
  leaf bytea not null,
  -- The commitment it extends, and the one it makes.
  previous bytea not null,
  commitment bytea not null,
  -- The log's peaks with this leaf in it, 32 bytes each, one behind the other.
  peaks bytea not null,
  -- intent: the leaf is chosen; signed: the poster has signed it; sent: the outbox has it; mined: it is in a block that can still go; final: it cannot.
  state text not null default 'intent',
  signature bytea,
  -- The transaction of ours that is to bring it in, and how many there were before: a front runner may bring it in instead.
  outbox_id uuid,
  attempts int4 not null default 0,
  -- The transaction that brought it in, ours or not.
  transaction_hash bytea,
  block_number int8,
  created_ms int8 not null,
  mined_ms int8,
  constraint anchor_pk primary key (log_index),
  constraint anchor_commitment_once unique (commitment),
  constraint anchor_index_and_commitment_once unique (log_index, commitment),
  constraint anchor_index_from_zero check (log_index >= 0),
  constraint anchor_hash_lengths check (octet_length(leaf) = 32 and octet_length(previous) = 32 and octet_length(commitment) = 32),
  constraint anchor_peaks_fit_count check (octet_length(peaks) = 32 * bit_count((log_index + 1)::bit(64))),
  constraint anchor_known_state check (state in ('intent', 'signed', 'sent', 'mined', 'final')),
  constraint anchor_signed_before_sent check (state = 'intent' or octet_length(signature) = 65),
  constraint anchor_sent_by_outbox check (state in ('intent', 'signed') or outbox_id is not null),
  constraint anchor_mined_in_block check ((state in ('mined', 'final')) = (transaction_hash is not null and block_number is not null and mined_ms is not null)),
  constraint anchor_first_extends_empty_log check (log_index > 0 or previous = '\x290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563'),
  -- No gap, and every leaf extends exactly the commitment before it.
  follows int8 generated always as (nullif(log_index - 1, -1)) stored,
  constraint anchor_extends_previous foreign key (follows, previous) references cairn.anchor (log_index, commitment)
);

comment on table cairn.anchor is 'The anchored log, leaf by leaf, and how far each is on its way into the chain';

-- A gapless range of one book's records under one root.
create table cairn.batch (
  book uuid not null,
  batch_no int8 not null,
  first_seq int8 not null,
  last_seq int8 not null,
  previous_head bytea not null,
  batch_root bytea not null,
  book_record bytea not null,
  -- Record leaves and fields roots of the range, 32 bytes each, one behind the other: a proof needs neither the records' values nor their subjects' keys.
  leaves bytea not null,
  fields_roots bytea not null,
  -- When its oldest record was written, and when it was sealed.
  oldest_ms int8 not null,
  sealed_ms int8 not null,
  -- The anchor that carries it, and its place among the books of that anchor.
  log_index int8,
  book_index int4,
  book_count int4,
  constraint batch_pk primary key (book, batch_no),
  constraint batch_first_seq_once unique (book, first_seq),
  constraint batch_last_seq_once unique (book, last_seq),
  constraint batch_head_once unique (book, last_seq, book_record),
  constraint batch_one_a_book_and_anchor unique (log_index, book),
  constraint batch_one_a_place unique (log_index, book_index),
  constraint batch_numbered_from_one check (batch_no >= 1),
  constraint batch_is_a_range check (1 <= first_seq and first_seq <= last_seq),
  constraint batch_begins_at_one check ((batch_no = 1) = (first_seq = 1)),
  constraint batch_hash_lengths check (octet_length(previous_head) = 32 and octet_length(batch_root) = 32 and octet_length(book_record) = 32),
  constraint batch_leaf_each check (octet_length(leaves) = 32 * (last_seq - first_seq + 1) and octet_length(fields_roots) = octet_length(leaves)),
  constraint batch_first_follows_nothing check (batch_no > 1 or previous_head = decode(repeat('00', 32), 'hex')),
  constraint batch_placed_whole check ((log_index is null) = (book_index is null) and (log_index is null) = (book_count is null)),
  constraint batch_in_anchor foreign key (log_index) references cairn.anchor (log_index),
  -- The range begins where the one before it ended, and names that one's head.
  follows int8 generated always as (nullif(first_seq - 1, 0)) stored,
  constraint batch_follows_head foreign key (book, follows, previous_head) references cairn.batch (book, last_seq, book_record)
);

create index batch_unanchored on cairn.batch (book, batch_no) where log_index is null;

comment on table cairn.batch is 'Sealed ranges of the books'' records, each with its leaves and its book record';

-- 32 random bytes a payee or merchant: with them gone, the fields of his records can be opened no more, and every proof stays valid.
create table cairn.subject_key (
  subject uuid not null,
  key bytea not null,
  constraint subject_key_pk primary key (subject),
  constraint subject_key_length check (octet_length(key) = 32)
);

comment on table cairn.subject_key is 'What salts the private fields of a person''s records';

grant select, insert on cairn.batch, cairn.anchor, cairn.subject_key to cairn_app;
-- What was sealed stays: only its place in the log, and how far a leaf is, ever change.
grant update (log_index, book_index, book_count) on cairn.batch to cairn_app;
grant update (state, signature, outbox_id, attempts, transaction_hash, block_number, mined_ms) on cairn.anchor to cairn_app;
grant delete on cairn.subject_key to cairn_app;
grant select on cairn.batch, cairn.anchor, cairn.subject_key to cairn_read;
