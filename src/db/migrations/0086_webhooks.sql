-- Where merchants are told of the records that move their money. An endpoint is never changed and never forgotten, only ended. The auditor's role sees nothing of it: the secret signs.
create table cairn.webhook (
  id uuid not null,
  merchant uuid not null,
  url text not null,
  secret bytea not null,
  created_ms int8 not null,
  ended_ms int8,
  constraint webhook_pk primary key (id),
  constraint webhook_secret_is_whole check (octet_length(secret) = 32),
  constraint webhook_url_is_one check (url ~ '^https?://' and char_length(url) <= 2048)
);
create index webhook_of_merchant on cairn.webhook (merchant, id);

-- One event for one endpoint: due until it is done or given up. An event is a record, so (book, seq) names it, and nobody is told of a record twice by two rows.
create table cairn.webhook_delivery (
  webhook uuid not null,
  book uuid not null,
  seq int8 not null,
  body text not null,
  attempts int4 not null default 0,
  due_ms int8,
  ended_ms int8,
  outcome text,
  constraint webhook_delivery_pk primary key (webhook, book, seq),
  constraint webhook_delivery_webhook_is_known foreign key (webhook) references cairn.webhook (id),
  constraint webhook_delivery_is_due_or_ended check ((due_ms is null) = (ended_ms is not null))
);
create index webhook_delivery_due on cairn.webhook_delivery (webhook, due_ms, seq) where due_ms is not null;
create index webhook_delivery_ended on cairn.webhook_delivery (ended_ms) where ended_ms is not null;

grant select, insert on cairn.webhook, cairn.webhook_delivery to cairn_app;
grant update (ended_ms) on cairn.webhook to cairn_app;
grant update (attempts, due_ms, ended_ms, outcome) on cairn.webhook_delivery to cairn_app;
grant delete on cairn.webhook_delivery to cairn_app;

alter table cairn.api_key
  drop constraint api_key_scopes_known,
  add constraint api_key_scopes_known check (
    scopes <@ array['ledger:read', 'ledger:write', 'payments:read', 'payments:write', 'payees:read', 'payees:write', 'receipts:read', 'webhooks:read',
                    'webhooks:write', 'metrics:read', 'admin']
    and cardinality(scopes) > 0
  );
