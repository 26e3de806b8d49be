-- What the API remembers of its callers: their keys, and the answers it owes to repeated requests.

create table cairn.api_key (
  id text not null,
  secret_hash bytea not null,
  merchant uuid,
  scopes text[] not null,
  label text not null,
  created_ms bigint not null,
  expires_ms bigint,
  revoked_ms bigint,
  constraint api_key_id primary key (id),
  constraint api_key_id_is_hex check (id ~ '^[0-9a-f]{16}$'),
  constraint api_key_secret_is_hashed check (octet_length(secret_hash) = 32),
  constraint api_key_scopes_known check (
    scopes <@ array['ledger:read', 'ledger:write', 'payments:read', 'payments:write', 'payees:read', 'payees:write', 'receipts:read', 'metrics:read', 'admin']
    and cardinality(scopes) > 0
  ),
  constraint api_key_admin_is_operator check (merchant is null or not scopes && array['admin', 'metrics:read']),
  constraint api_key_label_length check (char_length(label) between 1 and 100),
  constraint api_key_expires_after_made check (expires_ms > created_ms)
);

comment on table cairn.api_key is 'Who may call the API. The secret itself is nowhere: secret_hash is SHA-256 of 32 random bytes';
comment on column cairn.api_key.merchant is 'Null: a key of the operator';

create table cairn.http_idempotency (
  caller text not null,
  method text not null,
  path text not null,
  key text not null,
  fingerprint bytea not null,
  claim uuid not null,
  claimed_ms bigint not null,
  status int,
  body text,
  constraint http_idempotency_scope primary key (caller, method, path, key),
  constraint http_idempotency_fingerprint_sha256 check (octet_length(fingerprint) = 32),
  constraint http_idempotency_key_length check (char_length(key) between 1 and 255),
  constraint http_idempotency_answered check ((status is null) = (body is null)),
  constraint http_idempotency_status_final check (status between 200 and 499)
);

comment on table cairn.http_idempotency is 'One row for each Idempotency-Key in use: claimed by a request in flight (status null), later its answer. Rows older than the retention are purged';
create index http_idempotency_by_age on cairn.http_idempotency (claimed_ms);

-- A revoked key stays as a row, so that an old log line still finds its name: keys are never deleted.
grant select, insert on cairn.api_key to cairn_app;
grant update (revoked_ms) on cairn.api_key to cairn_app;
grant select, insert, update, delete on cairn.http_idempotency to cairn_app;
-- The auditor's role sees neither: keys and answers are no part of the books.
