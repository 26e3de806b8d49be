-- The database as the migrations leave it, with one book in it, read back from PostgreSQL's catalogues: to be read and reviewed, not to be run.
-- Written by `npx cairn dev schema`; a test compares it with a freshly migrated database.

schema book_00000000000070008000000000000000
grant usage to cairn_app
grant usage to cairn_read

schema cairn
-- Everything of one deployment; each book has a schema of its own, book_<32 hexadecimal digits>
grant usage to cairn_app
grant usage to cairn_read

table book_00000000000070008000000000000000.account
  no integer not null
  id uuid not null
  asset bigint not null
  code integer not null
  owner uuid not null
  constraint account_asset_is_given CHECK (((asset >= 1) AND (asset <= '4294967295'::bigint)))
  constraint account_code_is_given CHECK (((code >= 1) AND (code <= 65535)))
  constraint account_id_is_given CHECK ((id <> ALL (ARRAY['00000000-0000-0000-0000-000000000000'::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid])))
  constraint account_once UNIQUE (id)
  constraint account_pkey PRIMARY KEY (no)
  CREATE INDEX account_of_owner ON book_00000000000070008000000000000000.account USING btree (owner, id)
  grant insert, select to cairn_app
  grant select to cairn_read

table book_00000000000070008000000000000000.account_history
  seq bigint not null
  account integer not null
  flags smallint not null
  debits_pending numeric(39,0) not null
  debits_posted numeric(39,0) not null
  credits_pending numeric(39,0) not null
  credits_posted numeric(39,0) not null
  overdraft numeric(39,0) not null
  earlier integer[]
  constraint account_credits_fit CHECK (((credits_pending + credits_posted) <= '340282366920938463463374607431768211455'::numeric))
  constraint account_credits_within_debits CHECK (((((flags)::integer & 4) = 0) OR ((credits_pending + credits_posted) <= (debits_posted + overdraft))))
  constraint account_debits_fit CHECK (((debits_pending + debits_posted) <= '340282366920938463463374607431768211455'::numeric))
  constraint account_debits_within_credits CHECK (((((flags)::integer & 2) = 0) OR ((debits_pending + debits_posted) <= (credits_posted + overdraft))))
  constraint account_flags_are_known CHECK (((flags >= 0) AND (flags <= 15)))
  constraint account_has_one_limit CHECK ((((flags)::integer & 6) <> 6))
  constraint account_history_once PRIMARY KEY (account, seq)
  constraint account_overdraft_needs_a_limit CHECK ((((overdraft >= (0)::numeric) AND (overdraft <= '340282366920938463463374607431768211455'::numeric)) AND ((overdraft = (0)::numeric) OR (((flags)::integer & 6) <> 0))))
  constraint account_pending_is_never_negative CHECK (((debits_pending >= (0)::numeric) AND (credits_pending >= (0)::numeric)))
  constraint account_posted_is_never_negative CHECK (((debits_posted >= (0)::numeric) AND (credits_posted >= (0)::numeric)))
  grant insert, select to cairn_app
  grant select to cairn_read

table book_00000000000070008000000000000000.evidence
  seq bigint not null
  subject uuid not null
  fields jsonb
  constraint evidence_once PRIMARY KEY (seq)
  grant insert, select to cairn_app
  grant select to cairn_read

table book_00000000000070008000000000000000.head
  seq bigint not null default 0
  now_ms bigint not null default 0
  epoch bigint not null default 0
  only_row boolean not null default true
  holder uuid
  holder_pid integer
  holder_since timestamp with time zone
  lease_until timestamp with time zone
  left_seq bigint
  left_epoch bigint
  constraint head_has_one_row PRIMARY KEY (only_row)
  constraint head_holder_has_a_session CHECK ((num_nulls(holder, holder_pid, lease_until) = ANY (ARRAY[0, 3])))
  constraint head_is_the_only_row CHECK (only_row)
  constraint head_stands_where_it_was_left CHECK (
CASE num_nulls(left_seq, left_epoch)
    WHEN 2 THEN true
    WHEN 0 THEN ((seq = left_seq) AND (epoch = left_epoch))
    ELSE false
END)
  grant select to cairn_app
  grant select to cairn_read
  grant update (epoch) to cairn_app
  grant update (holder_pid) to cairn_app
  grant update (holder_since) to cairn_app
  grant update (holder) to cairn_app
  grant update (lease_until) to cairn_app
  grant update (now_ms) to cairn_app
  grant update (seq) to cairn_app

table book_00000000000070008000000000000000.journal
  seq bigint not null
  now_ms bigint not null
  asset bigint
  timeout_s bigint
  effective_ms bigint
  id uuid
  pending_id uuid
  reference uuid
  debit integer
  credit integer
  code integer
  kind smallint not null
  flags smallint
  amount numeric(39,0)
  key text collate C
  body jsonb
  constraint journal_accounts_differ CHECK ((debit <> credit))
  constraint journal_amount_fits CHECK (((amount >= (0)::numeric) AND (amount <= '340282366920938463463374607431768211455'::numeric)))
  constraint journal_flags_agree CHECK (((flags IS NULL) OR (((flags >= 0) AND (flags <= 255)) AND
CASE ((flags)::integer & 12)
    WHEN 12 THEN false
    WHEN 0 THEN ((((flags)::integer & 128) = 0) AND (pending_id IS NULL))
    ELSE ((((flags)::integer & 114) = 0) AND (pending_id IS NOT NULL))
END)))
  constraint journal_id_once UNIQUE (id)
  constraint journal_kind_is_known CHECK (((kind >= 1) AND (kind <= 15)))
  constraint journal_only_holds_settle_or_time_out CHECK (((((flags)::integer & 2) <> 0) OR ((((flags)::integer & 64) = 0) AND (timeout_s IS NULL))))
  constraint journal_seq_once PRIMARY KEY (seq)
  constraint journal_transfer_is_whole CHECK (
CASE
    WHEN (kind = 3) THEN ((num_nulls(id, debit, credit, asset, amount, code, flags) = 0) AND (body IS NULL))
    ELSE (body IS NOT NULL)
END)
  constraint journal_void_is_not_final CHECK ((((flags)::integer & 136) <> 136))
  CREATE UNIQUE INDEX journal_key_once ON book_00000000000070008000000000000000.journal USING btree (key) WHERE (key IS NOT NULL)
  grant insert, select to cairn_app
  grant select to cairn_read

table book_00000000000070008000000000000000.pending
  id uuid not null
  seq bigint not null
  asset bigint not null
  expires_ms bigint
  window_seq bigint
  release_seq bigint
  reference uuid
  closed_by uuid
  debit integer not null
  credit integer not null
  code integer not null
  settles boolean not null
  status text not null
  amount numeric(39,0) not null
  captured numeric(39,0) not null
  with (fillfactor=70)
  constraint pending_captures_fit CHECK (((captured >= (0)::numeric) AND (captured <= amount)))
  constraint pending_closer_is_named CHECK (((closed_by IS NOT NULL) = (status = ANY (ARRAY['posted'::text, 'voided'::text]))))
  constraint pending_in_window_does_not_expire CHECK (((window_seq IS NULL) OR (status <> 'expired'::text)))
  constraint pending_in_window_is_not_voided CHECK (((window_seq IS NULL) OR (release_seq IS NOT NULL) OR (status <> 'voided'::text)))
  constraint pending_in_window_settles CHECK (((window_seq IS NULL) OR settles))
  constraint pending_once PRIMARY KEY (id)
  constraint pending_release_follows_window CHECK (((release_seq IS NULL) OR ((window_seq IS NOT NULL) AND (window_seq < release_seq))))
  constraint pending_released_is_only_voided CHECK (((release_seq IS NULL) OR (status = ANY (ARRAY['open'::text, 'voided'::text]))))
  constraint pending_status_is_known CHECK ((status = ANY (ARRAY['open'::text, 'posted'::text, 'voided'::text, 'expired'::text])))
  constraint pending_without_timeout_does_not_expire CHECK (((expires_ms IS NOT NULL) OR (status <> 'expired'::text)))
  CREATE INDEX pending_between ON book_00000000000070008000000000000000.pending USING btree (seq) WHERE ((status = 'open'::text) AND (code = 20))
  CREATE INDEX pending_due ON book_00000000000070008000000000000000.pending USING btree (expires_ms) WHERE ((status = 'open'::text) AND (window_seq IS NULL) AND (expires_ms IS NOT NULL))
  CREATE INDEX pending_of_window ON book_00000000000070008000000000000000.pending USING btree (window_seq) WHERE (window_seq IS NOT NULL)
  CREATE INDEX pending_to_settle ON book_00000000000070008000000000000000.pending USING btree (seq) WHERE ((status = 'open'::text) AND (window_seq IS NULL) AND settles)
  grant insert, select to cairn_app
  grant select to cairn_read
  grant update (captured) to cairn_app
  grant update (closed_by) to cairn_app
  grant update (release_seq) to cairn_app
  grant update (status) to cairn_app
  grant update (window_seq) to cairn_app

table cairn.anchor
  log_index bigint not null
  leaf bytea not null
  previous bytea not null
  commitment bytea not null
  peaks bytea not null
  state text not null default 'intent'::text
  signature bytea
  outbox_id uuid
  attempts integer not null default 0
  transaction_hash bytea
  block_number bigint
  created_ms bigint not null
  mined_ms bigint
  follows bigint generated always as (NULLIF((log_index - 1), '-1'::integer)) stored
  -- The anchored log, leaf by leaf, and how far each is on its way into the chain
  constraint anchor_commitment_once UNIQUE (commitment)
  constraint anchor_extends_previous FOREIGN KEY (follows, previous) REFERENCES cairn.anchor(log_index, commitment)
  constraint anchor_first_extends_empty_log CHECK (((log_index > 0) OR (previous = '\x290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563'::bytea)))
  constraint anchor_hash_lengths CHECK (((octet_length(leaf) = 32) AND (octet_length(previous) = 32) AND (octet_length(commitment) = 32)))
  constraint anchor_index_and_commitment_once UNIQUE (log_index, commitment)
  constraint anchor_index_from_zero CHECK ((log_index >= 0))
  constraint anchor_known_state CHECK ((state = ANY (ARRAY['intent'::text, 'signed'::text, 'sent'::text, 'mined'::text, 'final'::text])))
  constraint anchor_mined_in_block CHECK (((state = ANY (ARRAY['mined'::text, 'final'::text])) = ((transaction_hash IS NOT NULL) AND (block_number IS NOT NULL) AND (mined_ms IS NOT NULL))))
  constraint anchor_peaks_fit_count CHECK ((octet_length(peaks) = (32 * bit_count(((log_index + 1))::bit(64)))))
  constraint anchor_pk PRIMARY KEY (log_index)
  constraint anchor_sent_by_outbox CHECK (((state = ANY (ARRAY['intent'::text, 'signed'::text])) OR (outbox_id IS NOT NULL)))
  constraint anchor_signed_before_sent CHECK (((state = 'intent'::text) OR (octet_length(signature) = 65)))
  CREATE INDEX anchor_open ON cairn.anchor USING btree (log_index) WHERE (state <> 'final'::text)
  grant insert, select to cairn_app
  grant select to cairn_read
  grant update (attempts) to cairn_app
  grant update (block_number) to cairn_app
  grant update (mined_ms) to cairn_app
  grant update (outbox_id) to cairn_app
  grant update (signature) to cairn_app
  grant update (state) to cairn_app
  grant update (transaction_hash) to cairn_app

table cairn.api_key
  id text not null
  secret_hash bytea not null
  merchant uuid  -- Null: a key of the operator
  scopes text[] not null
  label text not null
  created_ms bigint not null
  expires_ms bigint
  revoked_ms bigint
  -- Who may call the API. The secret itself is nowhere: secret_hash is SHA-256 of 32 random bytes
  constraint api_key_admin_is_operator CHECK (((merchant IS NULL) OR (NOT (scopes && ARRAY['admin'::text, 'metrics:read'::text]))))
  constraint api_key_expires_after_made CHECK ((expires_ms > created_ms))
  constraint api_key_id PRIMARY KEY (id)
  constraint api_key_id_is_hex CHECK ((id ~ '^[0-9a-f]{16}$'::text))
  constraint api_key_label_length CHECK (((char_length(label) >= 1) AND (char_length(label) <= 100)))
  constraint api_key_scopes_known CHECK (((scopes <@ ARRAY['ledger:read'::text, 'ledger:write'::text, 'payments:read'::text, 'payments:write'::text, 'payees:read'::text, 'payees:write'::text, 'receipts:read'::text, 'webhooks:read'::text, 'webhooks:write'::text, 'metrics:read'::text, 'admin'::text]) AND (cardinality(scopes) > 0)))
  constraint api_key_secret_is_hashed CHECK ((octet_length(secret_hash) = 32))
  grant insert, select to cairn_app
  grant update (revoked_ms) to cairn_app

table cairn.authorisation
  digest bytea not null
  merchant uuid not null
  kind text not null
  nonce numeric(20,0) not null
  expiry_s numeric(20,0) not null
  evidence text not null
  accepted_ms bigint not null
  booked_seq bigint
  constraint authorisation_digest_is_a_hash CHECK ((octet_length(digest) = 32))
  constraint authorisation_kind_is_known CHECK ((kind = ANY (ARRAY['merchant'::text, 'wallet'::text, 'payee'::text, 'order'::text])))
  constraint authorisation_nonce_is_spent_once UNIQUE (merchant, nonce)
  constraint authorisation_pk PRIMARY KEY (digest)
  CREATE INDEX authorisation_unbooked ON cairn.authorisation USING btree (accepted_ms) WHERE (booked_seq IS NULL)
  grant insert, select to cairn_app
  grant select to cairn_read
  grant update (booked_seq) to cairn_app

table cairn.batch
  book uuid not null
  batch_no bigint not null
  first_seq bigint not null
  last_seq bigint not null
  previous_head bytea not null
  batch_root bytea not null
  book_record bytea not null
  leaves bytea not null
  fields_roots bytea not null
  oldest_ms bigint not null
  sealed_ms bigint not null
  log_index bigint
  book_index integer
  book_count integer
  follows bigint generated always as (NULLIF((first_seq - 1), 0)) stored
  -- Sealed ranges of the books' records, each with its leaves and its book record
  constraint batch_begins_at_one CHECK (((batch_no = 1) = (first_seq = 1)))
  constraint batch_first_follows_nothing CHECK (((batch_no > 1) OR (previous_head = decode(repeat('00'::text, 32), 'hex'::text))))
  constraint batch_first_seq_once UNIQUE (book, first_seq)
  constraint batch_follows_head FOREIGN KEY (book, follows, previous_head) REFERENCES cairn.batch(book, last_seq, book_record)
  constraint batch_hash_lengths CHECK (((octet_length(previous_head) = 32) AND (octet_length(batch_root) = 32) AND (octet_length(book_record) = 32)))
  constraint batch_head_once UNIQUE (book, last_seq, book_record)
  constraint batch_in_anchor FOREIGN KEY (log_index) REFERENCES cairn.anchor(log_index)
  constraint batch_is_a_range CHECK (((1 <= first_seq) AND (first_seq <= last_seq)))
  constraint batch_last_seq_once UNIQUE (book, last_seq)
  constraint batch_leaf_each CHECK (((octet_length(leaves) = (32 * ((last_seq - first_seq) + 1))) AND (octet_length(fields_roots) = octet_length(leaves))))
  constraint batch_numbered_from_one CHECK ((batch_no >= 1))
  constraint batch_one_a_book_and_anchor UNIQUE (log_index, book)
  constraint batch_one_a_place UNIQUE (log_index, book_index)
  constraint batch_pk PRIMARY KEY (book, batch_no)
  constraint batch_placed_whole CHECK ((((log_index IS NULL) = (book_index IS NULL)) AND ((log_index IS NULL) = (book_count IS NULL))))
  CREATE INDEX batch_unanchored ON cairn.batch USING btree (book, batch_no) WHERE (log_index IS NULL)
  grant insert, select to cairn_app
  grant select to cairn_read
  grant update (book_count) to cairn_app
  grant update (book_index) to cairn_app
  grant update (log_index) to cairn_app

table cairn.book
  id uuid not null
  schema_name text not null
  status text not null default 'open'::text  -- open: may be written here; arriving: being copied to here; moving: being copied away; moved: is elsewhere for good
  moved_to text  -- The database where it goes or went, as host:port/name: what its callers are told
  -- The books of this deployment; the tables of each are in its own schema
  constraint book_pkey PRIMARY KEY (id)
  constraint book_schema_once UNIQUE (schema_name)
  constraint book_status_is_known CHECK ((status = ANY (ARRAY['open'::text, 'arriving'::text, 'moving'::text, 'moved'::text])))
  constraint book_that_moves_says_where CHECK (((moved_to IS NOT NULL) = (status = ANY (ARRAY['moving'::text, 'moved'::text]))))
  CREATE TRIGGER book_is_published AFTER INSERT ON cairn.book FOR EACH ROW EXECUTE FUNCTION cairn.publish_head()
  grant select to cairn_app
  grant select to cairn_read

table cairn.deployment
  single boolean not null default true
  chain_id bigint not null
  timelock bytea not null
  anchor bytea not null
  vault bytea not null
  tokens jsonb not null
  deployer bytea not null
  block_number bigint not null
  block_hash bytea not null
  deployed_ms bigint not null
  safe bytea
  safe_contracts jsonb
  constraint deployment_anchor_is_an_address CHECK ((octet_length(anchor) = 20))
  constraint deployment_block_is_a_hash CHECK ((octet_length(block_hash) = 32))
  constraint deployment_deployer_is_an_address CHECK ((octet_length(deployer) = 20))
  constraint deployment_is_one CHECK (single)
  constraint deployment_pk PRIMARY KEY (single)
  constraint deployment_safe_is_an_address CHECK ((octet_length(safe) = 20))
  constraint deployment_safe_is_whole CHECK (((safe IS NULL) = (safe_contracts IS NULL)))
  constraint deployment_timelock_is_an_address CHECK ((octet_length(timelock) = 20))
  constraint deployment_vault_is_an_address CHECK ((octet_length(vault) = 20))
  grant insert, select to cairn_app
  grant select to cairn_read

table cairn.deposit
  chain_id bigint not null
  transaction_hash bytea not null
  log_index integer not null
  vault bytea not null
  block_number bigint not null
  block_hash bytea not null
  token bytea not null
  sender bytea not null
  amount numeric(78,0) not null
  reference bytea
  state text not null
  updated_ms bigint not null
  constraint deposit_amount_is_positive CHECK ((amount > (0)::numeric))
  constraint deposit_block_is_a_hash CHECK ((octet_length(block_hash) = 32))
  constraint deposit_pk PRIMARY KEY (chain_id, transaction_hash, log_index)
  constraint deposit_reference_is_a_word CHECK ((octet_length(reference) = 32))
  constraint deposit_sender_is_an_address CHECK ((octet_length(sender) = 20))
  constraint deposit_state_is_known CHECK ((state = ANY (ARRAY['seen'::text, 'gone'::text, 'final'::text])))
  constraint deposit_token_is_an_address CHECK ((octet_length(token) = 20))
  constraint deposit_transaction_is_a_hash CHECK ((octet_length(transaction_hash) = 32))
  CREATE INDEX deposit_not_final ON cairn.deposit USING btree (chain_id, vault, block_number) WHERE (state = 'seen'::text)
  CREATE INDEX deposit_plain ON cairn.deposit USING btree (chain_id, vault, sender, block_number, log_index) WHERE ((state = 'final'::text) AND (reference IS NULL))
  CREATE TRIGGER deposit_moves BEFORE UPDATE ON cairn.deposit FOR EACH ROW EXECUTE FUNCTION cairn.deposit_moves()
  grant insert, select, update to cairn_app
  grant select to cairn_read

table cairn.deposit_cursor
  chain_id bigint not null
  vault bytea not null
  block bigint not null
  block_hash bytea not null
  constraint deposit_cursor_block_is_a_hash CHECK ((octet_length(block_hash) = 32))
  constraint deposit_cursor_pk PRIMARY KEY (chain_id, vault)
  CREATE TRIGGER deposit_cursor_moves BEFORE UPDATE ON cairn.deposit_cursor FOR EACH ROW EXECUTE FUNCTION cairn.deposit_cursor_moves()
  grant insert, select, update to cairn_app
  grant select to cairn_read

table cairn.deposit_transition
  from_state text not null
  to_state text not null
  -- The same table as DEPOSIT_TRANSITIONS in src/chain/deposits/states.ts; a test compares them
  constraint deposit_transition_pk PRIMARY KEY (from_state, to_state)
  grant select to cairn_app
  grant select to cairn_read

table cairn.http_idempotency
  caller text not null
  method text not null
  path text not null
  key text not null
  fingerprint bytea not null
  claim uuid not null
  claimed_ms bigint not null
  status integer
  body text
  -- One row for each Idempotency-Key in use: claimed by a request in flight (status null), later its answer. Rows older than the retention are purged
  constraint http_idempotency_answered CHECK (((status IS NULL) = (body IS NULL)))
  constraint http_idempotency_fingerprint_sha256 CHECK ((octet_length(fingerprint) = 32))
  constraint http_idempotency_key_length CHECK (((char_length(key) >= 1) AND (char_length(key) <= 255)))
  constraint http_idempotency_scope PRIMARY KEY (caller, method, path, key)
  constraint http_idempotency_status_final CHECK (((status >= 200) AND (status <= 499)))
  CREATE INDEX http_idempotency_by_age ON cairn.http_idempotency USING btree (claimed_ms)
  grant delete, insert, select, update to cairn_app

table cairn.instruction
  instruction bytea not null
  book uuid not null
  window_id uuid not null
  index integer not null
  seq bigint not null
  token bytea not null
  asset integer not null
  words bytea not null
  total numeric(39,0) not null
  not_after_s bigint not null
  state text not null
  attempts integer not null
  signature bytea
  due_ms bigint not null
  waits_for text
  constraint instruction_attempts_count_up CHECK ((attempts >= 0))
  constraint instruction_hash_is_a_hash CHECK ((octet_length(instruction) = 32))
  constraint instruction_is_one_of_its_window UNIQUE (window_id, index)
  constraint instruction_pk PRIMARY KEY (instruction)
  constraint instruction_state_is_known CHECK ((state = ANY (ARRAY['booked'::text, 'paying'::text, 'paid'::text, 'closed'::text])))
  constraint instruction_words_are_whole CHECK ((((octet_length(words) % 32) = 0) AND ((octet_length(words) >= 32) AND (octet_length(words) <= (255 * 32)))))
  CREATE INDEX instruction_open ON cairn.instruction USING btree (book, seq) WHERE (state <> 'closed'::text)
  grant insert, select, update to cairn_app
  grant select to cairn_read

table cairn.merchant
  merchant uuid not null
  book uuid not null
  name text not null
  signing_key bytea not null
  digest bytea not null
  registered_ms bigint not null
  constraint merchant_digest_is_a_hash CHECK ((octet_length(digest) = 32))
  constraint merchant_key_is_an_address CHECK ((octet_length(signing_key) = 20))
  constraint merchant_name_is_bounded CHECK (((length(name) >= 1) AND (length(name) <= 140)))
  constraint merchant_pk PRIMARY KEY (merchant)
  grant insert, select to cairn_app
  grant select to cairn_read
  grant update (digest) to cairn_app
  grant update (signing_key) to cairn_app

table cairn.migration
  number integer not null
  name text not null
  checksum bytea not null
  applied_ms bigint not null
  -- Which migrations this database has had, and the SHA-256 of each as it was then
  constraint migration_checksum_sha256 CHECK ((octet_length(checksum) = 32))
  constraint migration_number PRIMARY KEY (number)
  grant select to cairn_app
  grant select to cairn_read

table cairn.order_file
  order_id uuid not null
  merchant uuid not null
  account uuid not null
  file_hash bytea not null
  file bytea not null
  message_id text not null
  count integer not null
  control_sum text not null
  digest bytea not null
  received_ms bigint not null
  constraint order_file_count_is_positive CHECK ((count > 0))
  constraint order_file_hash_is_a_hash CHECK ((octet_length(file_hash) = 32))
  constraint order_file_is_authorised FOREIGN KEY (digest) REFERENCES cairn.authorisation(digest)
  constraint order_file_is_taken_once UNIQUE (merchant, file_hash)
  constraint order_file_merchant_is_known FOREIGN KEY (merchant) REFERENCES cairn.merchant(merchant)
  constraint order_file_pk PRIMARY KEY (order_id)
  grant insert, select to cairn_app
  grant select to cairn_read

table cairn.outbox_attempt
  hash bytea not null
  transaction uuid not null
  attempt integer not null
  nonce bigint not null
  kind text not null
  raw bytea not null
  gas_limit bigint not null
  max_fee numeric(78,0) not null
  max_priority_fee numeric(78,0) not null
  signed_ms bigint not null
  sent_ms bigint
  block_number bigint
  block_hash bytea
  reverted boolean
  gas_used bigint
  gas_price numeric(78,0)
  contract bytea
  logs jsonb
  constraint outbox_attempt_belongs FOREIGN KEY (transaction) REFERENCES cairn.outbox_transaction(id)
  constraint outbox_attempt_hash_is_a_hash CHECK ((octet_length(hash) = 32))
  constraint outbox_attempt_in_order UNIQUE (transaction, attempt)
  constraint outbox_attempt_kind_is_known CHECK ((kind = ANY (ARRAY['call'::text, 'cancel'::text])))
  constraint outbox_attempt_pk PRIMARY KEY (hash)
  constraint outbox_attempt_receipt_is_whole CHECK ((num_nulls(block_number, block_hash, reverted, gas_used, gas_price, logs) = ANY (ARRAY[0, 6])))
  grant insert, select, update to cairn_app
  grant select to cairn_read

table cairn.outbox_transaction
  id uuid not null
  seq bigint not null generated always as identity
  chain_id bigint not null
  relayer bytea not null
  purpose text not null
  target bytea
  data bytea not null
  value numeric(78,0) not null
  gas_limit bigint
  deadline_ms bigint
  not_before_ms bigint not null
  request_digest bytea not null
  state text not null
  nonce bigint
  mined_hash bytea
  failure jsonb
  rebuilds integer not null
  created_ms bigint not null
  updated_ms bigint not null
  constraint outbox_transaction_digest_is_a_hash CHECK ((octet_length(request_digest) = 32))
  constraint outbox_transaction_failed_says_why CHECK (((failure IS NOT NULL) = (state = 'failed'::text)))
  constraint outbox_transaction_in_order UNIQUE (seq)
  constraint outbox_transaction_intent_has_no_nonce CHECK (((state <> 'intent'::text) OR (nonce IS NULL)))
  constraint outbox_transaction_mined_is_an_attempt FOREIGN KEY (mined_hash) REFERENCES cairn.outbox_attempt(hash)
  constraint outbox_transaction_mined_is_in_a_block CHECK (((mined_hash IS NOT NULL) = ((state = ANY (ARRAY['mined'::text, 'final'::text])) OR ((state = 'failed'::text) AND (nonce IS NOT NULL)))))
  constraint outbox_transaction_nonce_is_its_own UNIQUE (chain_id, relayer, nonce)
  constraint outbox_transaction_pk PRIMARY KEY (id)
  constraint outbox_transaction_relayer_is_an_address CHECK ((octet_length(relayer) = 20))
  constraint outbox_transaction_sent_has_a_nonce CHECK (((state = ANY (ARRAY['intent'::text, 'failed'::text])) OR (nonce IS NOT NULL)))
  constraint outbox_transaction_state_is_known CHECK ((state = ANY (ARRAY['intent'::text, 'signed'::text, 'sent'::text, 'mined'::text, 'orphaned'::text, 'final'::text, 'failed'::text])))
  constraint outbox_transaction_target_is_an_address CHECK ((octet_length(target) = 20))
  CREATE INDEX outbox_transaction_open ON cairn.outbox_transaction USING btree (chain_id, relayer, seq) WHERE (state <> ALL (ARRAY['final'::text, 'failed'::text]))
  CREATE TRIGGER outbox_transaction_moves BEFORE INSERT OR UPDATE ON cairn.outbox_transaction FOR EACH ROW EXECUTE FUNCTION cairn.outbox_transaction_moves()
  grant insert, select, update to cairn_app
  grant select to cairn_read

table cairn.outbox_transition
  from_state text not null
  to_state text not null
  -- The same table as OUTBOX_TRANSITIONS in src/chain/outbox/states.ts; a test compares them
  constraint outbox_transition_pk PRIMARY KEY (from_state, to_state)
  grant select to cairn_app
  grant select to cairn_read

table cairn.payee
  payee uuid not null
  merchant uuid not null
  name text not null
  account text not null
  address bytea not null
  asset integer not null
  sandbox boolean not null
  digest bytea not null
  added_ms bigint not null
  constraint payee_address_is_an_address CHECK ((octet_length(address) = 20))
  constraint payee_address_is_not_zero CHECK ((address <> decode(repeat('00'::text, 20), 'hex'::text)))
  constraint payee_is_authorised FOREIGN KEY (digest) REFERENCES cairn.authorisation(digest)
  constraint payee_merchant_is_known FOREIGN KEY (merchant) REFERENCES cairn.merchant(merchant)
  constraint payee_pk PRIMARY KEY (payee)
  CREATE INDEX payee_of_account ON cairn.payee USING btree (merchant, account)
  grant insert, select to cairn_app
  grant select to cairn_read

table cairn.payment
  payment uuid not null
  order_id uuid not null
  "position" integer not null
  merchant uuid not null
  payee uuid
  state text not null
  version integer not null
  reason_code text
  reason text
  end_to_end_id text not null
  creditor_name text not null
  creditor_account text not null
  currency text not null
  instructed text not null
  fingerprint bytea not null
  screening text
  quote text
  instruction text not null
  defect text
  hold uuid not null
  hold_seq bigint
  created_ms bigint not null
  updated_ms bigint not null
  due_ms bigint not null
  constraint payment_hold_is_its_own UNIQUE (hold)
  constraint payment_hold_is_quoted CHECK (((state <> ALL (ARRAY['held'::text, 'instructed'::text, 'settled'::text, 'returned'::text, 'expired'::text])) OR ((quote IS NOT NULL) AND (hold_seq IS NOT NULL) AND (payee IS NOT NULL))))
  constraint payment_is_one_of_its_file UNIQUE (order_id, "position")
  constraint payment_order_is_known FOREIGN KEY (order_id) REFERENCES cairn.order_file(order_id)
  constraint payment_payee_is_known FOREIGN KEY (payee) REFERENCES cairn.payee(payee)
  constraint payment_pk PRIMARY KEY (payment)
  constraint payment_refusal_has_a_reason CHECK (((state <> ALL (ARRAY['refused'::text, 'returned'::text, 'expired'::text])) OR ((reason_code IS NOT NULL) AND (reason IS NOT NULL))))
  constraint payment_state_is_known CHECK ((state = ANY (ARRAY['received'::text, 'screened'::text, 'quoted'::text, 'held'::text, 'instructed'::text, 'settled'::text, 'returned'::text, 'refused'::text, 'expired'::text])))
  CREATE INDEX payment_due ON cairn.payment USING btree (due_ms) WHERE (state = ANY (ARRAY['received'::text, 'screened'::text, 'quoted'::text]))
  CREATE INDEX payment_held ON cairn.payment USING btree (hold_seq) WHERE (state = 'held'::text)
  CREATE UNIQUE INDEX payment_is_not_a_duplicate ON cairn.payment USING btree (merchant, fingerprint) WHERE (state <> ALL (ARRAY['refused'::text, 'expired'::text, 'returned'::text, 'received'::text]))
  CREATE INDEX payment_of_merchant ON cairn.payment USING btree (merchant, payment)
  CREATE TRIGGER payment_moves_along_the_table BEFORE UPDATE ON cairn.payment FOR EACH ROW EXECUTE FUNCTION cairn.payment_moves_along_the_table()
  grant insert, select, update to cairn_app
  grant select to cairn_read

table cairn.payment_event
  payment uuid not null
  version integer not null
  state text not null
  at_ms bigint not null
  detail text not null
  constraint payment_event_payment_is_known FOREIGN KEY (payment) REFERENCES cairn.payment(payment)
  constraint payment_event_pk PRIMARY KEY (payment, version)
  grant insert, select to cairn_app
  grant select to cairn_read

table cairn.payment_transition
  from_state text not null
  to_state text not null
  constraint payment_transition_pk PRIMARY KEY (from_state, to_state)
  grant select to cairn_app
  grant select to cairn_read

table cairn.payout
  instruction bytea not null
  index integer not null
  payment uuid not null
  hold uuid not null
  address bytea not null
  amount numeric(39,0) not null
  state text not null
  tx_hash bytea
  block_number bigint
  tries integer not null
  constraint payout_amount_is_positive CHECK ((amount > (0)::numeric))
  constraint payout_instruction_is_known FOREIGN KEY (instruction) REFERENCES cairn.instruction(instruction)
  constraint payout_is_paid_by_a_transaction CHECK (((state <> ALL (ARRAY['paid'::text, 'booked'::text])) OR ((tx_hash IS NOT NULL) AND (block_number IS NOT NULL))))
  constraint payout_pays_a_hold_once UNIQUE (hold)
  constraint payout_pk PRIMARY KEY (instruction, index)
  constraint payout_state_is_known CHECK ((state = ANY (ARRAY['open'::text, 'failed'::text, 'paid'::text, 'booked'::text, 'returned'::text])))
  CREATE INDEX payout_of_payment ON cairn.payout USING btree (payment)
  grant insert, select, update to cairn_app
  grant select to cairn_read

table cairn.platform
  single boolean not null default true
  book uuid not null
  -- The book that the contracts of this deployment are, or will be, bound to
  constraint platform_is_one CHECK (single)
  constraint platform_pk PRIMARY KEY (single)
  grant insert, select to cairn_app
  grant select to cairn_read

table cairn.record_cursor
  reader text not null
  book uuid not null
  seq bigint not null
  constraint record_cursor_counts_from_zero CHECK ((seq >= 0))
  constraint record_cursor_pk PRIMARY KEY (reader, book)
  grant insert, select, update to cairn_app
  grant select to cairn_read

table cairn.subject_key
  subject uuid not null
  key bytea not null
  -- What salts the private fields of a person's records
  constraint subject_key_length CHECK ((octet_length(key) = 32))
  constraint subject_key_pk PRIMARY KEY (subject)
  grant delete, insert, select to cairn_app
  grant select to cairn_read

table cairn.wallet
  wallet bytea not null
  merchant uuid not null
  digest bytea not null
  constraint wallet_is_an_address CHECK ((octet_length(wallet) = 20))
  constraint wallet_is_authorised FOREIGN KEY (digest) REFERENCES cairn.authorisation(digest)
  constraint wallet_merchant_is_known FOREIGN KEY (merchant) REFERENCES cairn.merchant(merchant)
  constraint wallet_pk PRIMARY KEY (wallet)
  grant insert, select to cairn_app
  grant select to cairn_read

table cairn.wallet_search
  wallet bytea not null
  block bigint not null default '-1'::integer
  log_index integer not null default '-1'::integer
  is_whole boolean not null default false
  constraint wallet_search_is_of_a_wallet FOREIGN KEY (wallet) REFERENCES cairn.wallet(wallet)
  constraint wallet_search_pk PRIMARY KEY (wallet)
  CREATE INDEX wallet_search_open ON cairn.wallet_search USING btree (block, wallet) WHERE (NOT is_whole)
  CREATE TRIGGER wallet_search_moves BEFORE UPDATE ON cairn.wallet_search FOR EACH ROW EXECUTE FUNCTION cairn.wallet_search_moves()
  grant insert, select to cairn_app
  grant select to cairn_read
  grant update (block) to cairn_app
  grant update (is_whole) to cairn_app
  grant update (log_index) to cairn_app

table cairn.webhook
  id uuid not null
  merchant uuid not null
  url text not null
  secret bytea not null
  created_ms bigint not null
  ended_ms bigint
  since_book uuid
  since_seq bigint
  constraint webhook_pk PRIMARY KEY (id)
  constraint webhook_secret_is_whole CHECK ((octet_length(secret) = 32))
  constraint webhook_since_is_whole CHECK (((since_book IS NULL) = (since_seq IS NULL)))
  constraint webhook_url_is_one CHECK (((url ~ '^https?://'::text) AND (char_length(url) <= 2048)))
  CREATE INDEX webhook_of_merchant ON cairn.webhook USING btree (merchant, id)
  CREATE INDEX webhook_open ON cairn.webhook USING btree (id) WHERE (ended_ms IS NULL)
  grant delete, insert, select to cairn_app
  grant update (ended_ms) to cairn_app

table cairn.webhook_delivery
  webhook uuid not null
  book uuid not null
  seq bigint not null
  body text not null
  attempts integer not null default 0
  due_ms bigint
  ended_ms bigint
  outcome text
  is_claimed boolean not null default false
  created_ms bigint not null
  constraint webhook_delivery_claimed_is_due CHECK (((NOT is_claimed) OR (due_ms IS NOT NULL)))
  constraint webhook_delivery_is_due_or_ended CHECK (((due_ms IS NULL) = (ended_ms IS NOT NULL)))
  constraint webhook_delivery_pk PRIMARY KEY (webhook, book, seq)
  constraint webhook_delivery_webhook_is_known FOREIGN KEY (webhook) REFERENCES cairn.webhook(id)
  CREATE INDEX webhook_delivery_claimed ON cairn.webhook_delivery USING btree (webhook) WHERE is_claimed
  CREATE INDEX webhook_delivery_due ON cairn.webhook_delivery USING btree (webhook, due_ms, seq) WHERE (due_ms IS NOT NULL)
  CREATE INDEX webhook_delivery_ended ON cairn.webhook_delivery USING btree (ended_ms) WHERE (ended_ms IS NOT NULL)
  grant delete, insert, select to cairn_app
  grant update (attempts) to cairn_app
  grant update (due_ms) to cairn_app
  grant update (ended_ms) to cairn_app
  grant update (is_claimed) to cairn_app
  grant update (outcome) to cairn_app

function cairn.book_of_0070(book uuid)
CREATE OR REPLACE FUNCTION cairn.book_of_0070(book uuid)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
  perform set_config('search_path', format('%I, pg_catalog, pg_temp', name), true);

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
$function$

function cairn.book_step_0071()
CREATE OR REPLACE FUNCTION cairn.book_step_0071()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  alter table head
    -- Who has the book: an id of its own making, the session (a number is given again, with another start), and until when unless it says so again.
    add holder uuid,
    add holder_pid int4,
    add holder_since timestamptz,
    add lease_until timestamptz,
    -- Where the book was left: no batch and no writer gets past it. The application has no right to these two columns.
    add left_seq int8,
    add left_epoch int8,
    add constraint head_stands_where_it_was_left check (
      case num_nulls(left_seq, left_epoch) when 2 then true when 0 then seq = left_seq and epoch = left_epoch else false end
    ),
    add constraint head_holder_has_a_session check (num_nulls(holder, holder_pid, lease_until) in (0, 3));
  grant update (holder, holder_pid, holder_since, lease_until) on head to cairn_app;
end
$function$

function cairn.book_step_0080()
CREATE OR REPLACE FUNCTION cairn.book_step_0080()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  create index pending_between on pending (seq) where status = 'open' and code = 20;
end
$function$

function cairn.create_book(book uuid)
CREATE OR REPLACE FUNCTION cairn.create_book(book uuid)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  name text;
  step record;
begin
  perform pg_advisory_xact_lock(hashtextextended('cairn.create_book', 0));
  select b.schema_name into name from cairn.book b where b.id = book;
  if found then
    return name;
  end if;
  name := cairn.book_of_0070(book);
  -- Undone when the function returns (its own SET).
  perform set_config('search_path', format('%I, pg_catalog, pg_temp', name), true);
  for step in select p.proname from pg_proc p where p.pronamespace = 'cairn'::regnamespace and p.proname ~ '^book_step_\d{4}$' order by p.proname loop
    execute format('select cairn.%I()', step.proname);
  end loop;
  return name;
end
$function$

grant execute to cairn_app

function cairn.deposit_cursor_moves()
CREATE OR REPLACE FUNCTION cairn.deposit_cursor_moves()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if new.block <= old.block then
    raise exception 'the cursor of deposits never goes back from % to %', old.block, new.block
      using errcode = 'check_violation', constraint = 'deposit_cursor_goes_forward';
  end if;
  return new;
end
$function$

function cairn.deposit_moves()
CREATE OR REPLACE FUNCTION cairn.deposit_moves()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$

function cairn.fence(written bigint, meant bigint)
CREATE OR REPLACE FUNCTION cairn.fence(written bigint, meant bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if written <> meant then
    raise exception 'fenced: % of % rows were as this writer knew them', written, meant using errcode = 'check_violation', constraint = 'fence';
  end if;
end
$function$

function cairn.outbox_transaction_moves()
CREATE OR REPLACE FUNCTION cairn.outbox_transaction_moves()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$

function cairn.payment_moves_along_the_table()
CREATE OR REPLACE FUNCTION cairn.payment_moves_along_the_table()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$

function cairn.publish_head()
CREATE OR REPLACE FUNCTION cairn.publish_head()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if to_regclass(format('%I.head', new.schema_name)) is not null then
    execute format('alter publication cairn_heads add table %I.head (only_row, seq)', new.schema_name);
  end if;
  return null;
end
$function$

function cairn.wallet_search_moves()
CREATE OR REPLACE FUNCTION cairn.wallet_search_moves()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if old.is_whole or (new.block, new.log_index) < (old.block, old.log_index) then
    raise exception 'the search for the deposits of a wallet goes forward and ends once'
      using errcode = 'check_violation', constraint = 'wallet_search_goes_forward';
  end if;
  return new;
end
$function$
