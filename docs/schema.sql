-- The database as the migrations leave it, with one book in it, read back from PostgreSQL's catalogues: to be read and reviewed, not to be run.
-- Written by `npx cairn dev schema`; a test compares it with a freshly migrated database.

schema cairn
-- Everything of one deployment; each book has a schema of its own, book_<32 hexadecimal digits>
grant usage to cairn_app
grant usage to cairn_read

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
  constraint anchor_extends_previous FOREIGN KEY (follows, previous) REFERENCES anchor(log_index, commitment)
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
  constraint api_key_scopes_known CHECK (((scopes <@ ARRAY['ledger:read'::text, 'ledger:write'::text, 'payments:read'::text, 'payments:write'::text, 'payees:read'::text, 'payees:write'::text, 'receipts:read'::text, 'metrics:read'::text, 'admin'::text]) AND (cardinality(scopes) > 0)))
  constraint api_key_secret_is_hashed CHECK ((octet_length(secret_hash) = 32))
  grant insert, select to cairn_app
  grant update (revoked_ms) to cairn_app

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
  constraint batch_follows_head FOREIGN KEY (book, follows, previous_head) REFERENCES batch(book, last_seq, book_record)
  constraint batch_hash_lengths CHECK (((octet_length(previous_head) = 32) AND (octet_length(batch_root) = 32) AND (octet_length(book_record) = 32)))
  constraint batch_head_once UNIQUE (book, last_seq, book_record)
  constraint batch_in_anchor FOREIGN KEY (log_index) REFERENCES anchor(log_index)
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

table cairn.deployment
  single boolean not null default true
  chain_id bigint not null
  parameters bytea not null
  timelock bytea not null
  anchor bytea not null
  vault bytea not null
  tokens jsonb not null
  deployer bytea not null
  block_number bigint not null
  block_hash bytea not null
  deployed_ms bigint not null
  constraint deployment_anchor_is_an_address CHECK ((octet_length(anchor) = 20))
  constraint deployment_block_is_a_hash CHECK ((octet_length(block_hash) = 32))
  constraint deployment_deployer_is_an_address CHECK ((octet_length(deployer) = 20))
  constraint deployment_is_one CHECK (single)
  constraint deployment_parameters_is_a_hash CHECK ((octet_length(parameters) = 32))
  constraint deployment_pk PRIMARY KEY (single)
  constraint deployment_timelock_is_an_address CHECK ((octet_length(timelock) = 20))
  constraint deployment_vault_is_an_address CHECK ((octet_length(vault) = 20))
  grant insert, select to cairn_app
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
  constraint outbox_attempt_belongs FOREIGN KEY (transaction) REFERENCES outbox_transaction(id)
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
  constraint outbox_transaction_mined_is_an_attempt FOREIGN KEY (mined_hash) REFERENCES outbox_attempt(hash)
  constraint outbox_transaction_mined_is_in_a_block CHECK (((mined_hash IS NOT NULL) = ((state = ANY (ARRAY['mined'::text, 'final'::text])) OR ((state = 'failed'::text) AND (nonce IS NOT NULL)))))
  constraint outbox_transaction_nonce_is_its_own UNIQUE (chain_id, relayer, nonce)
  constraint outbox_transaction_pk PRIMARY KEY (id)
  constraint outbox_transaction_relayer_is_an_address CHECK ((octet_length(relayer) = 20))
  constraint outbox_transaction_sent_has_a_nonce CHECK (((state = ANY (ARRAY['intent'::text, 'failed'::text])) OR (nonce IS NOT NULL)))
  constraint outbox_transaction_state_is_known CHECK ((state = ANY (ARRAY['intent'::text, 'signed'::text, 'sent'::text, 'mined'::text, 'orphaned'::text, 'final'::text, 'failed'::text])))
  constraint outbox_transaction_target_is_an_address CHECK ((octet_length(target) = 20))
  CREATE INDEX outbox_transaction_open ON cairn.outbox_transaction USING btree (chain_id, relayer, seq) WHERE (state <> ALL (ARRAY['final'::text, 'failed'::text]))
  CREATE TRIGGER outbox_transaction_moves BEFORE INSERT OR UPDATE ON cairn.outbox_transaction FOR EACH ROW EXECUTE FUNCTION outbox_transaction_moves()
  grant insert, select, update to cairn_app
  grant select to cairn_read

table cairn.outbox_transition
  from_state text not null
  to_state text not null
  -- The same table as OUTBOX_TRANSITIONS in src/chain/outbox/states.ts; a test compares them
  constraint outbox_transition_pk PRIMARY KEY (from_state, to_state)
  grant select to cairn_app
  grant select to cairn_read

table cairn.subject_key
  subject uuid not null
  key bytea not null
  -- What salts the private fields of a person's records
  constraint subject_key_length CHECK ((octet_length(key) = 32))
  constraint subject_key_pk PRIMARY KEY (subject)
  grant delete, insert, select to cairn_app
  grant select to cairn_read

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
