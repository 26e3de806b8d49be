-- Who tells endpoints can see what is under way to them, since when each of them is told, and how old what it was not told yet is.

-- From which record on an endpoint is told: those after the head of the book as it was made, however far behind the telling was then. Null for those that were made before this.
alter table cairn.webhook
  add column since_book uuid,
  add column since_seq int8,
  add constraint webhook_since_is_whole check ((since_book is null) = (since_seq is null));
create index webhook_open on cairn.webhook (id) where ended_ms is null;

-- A delivery that somebody has in hand: due again when his time is over, and until then nothing else goes to its endpoint, whichever process asks.
alter table cairn.webhook_delivery
  add column is_claimed boolean not null default false,
  -- What is there by now counts from now.
  add column created_ms int8 not null default (extract(epoch from now()) * 1000)::int8,
  add constraint webhook_delivery_claimed_is_due check (not is_claimed or due_ms is not null);
alter table cairn.webhook_delivery alter column created_ms drop default;
create index webhook_delivery_claimed on cairn.webhook_delivery (webhook) where is_claimed;

grant update (is_claimed) on cairn.webhook_delivery to cairn_app;
-- An endpoint that ended is forgotten once nothing is kept of what it was told.
grant delete on cairn.webhook to cairn_app;
