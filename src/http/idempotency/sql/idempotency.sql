-- name: claim
-- Of two first requests at the same time one inserts; the other waits for it here and then inserts nothing.
insert into cairn.http_idempotency (caller, method, path, key, fingerprint, claim, claimed_ms)
values ($1::text, $2::text, $3::text, $4::text, $5::bytea, $6::uuid, $7::bigint)
on conflict on constraint http_idempotency_scope do nothing;

-- name: find
select fingerprint, claim::text, claimed_ms, status, body
  from cairn.http_idempotency
 where caller = $1::text and method = $2::text and path = $3::text and key = $4::text;

-- name: takeOver
-- Only the claim that was seen may be taken: of two that find it lapsed, one wins.
update cairn.http_idempotency
   set claim = $6::uuid, claimed_ms = $7::bigint
 where caller = $1::text and method = $2::text and path = $3::text and key = $4::text
   and claim = $5::uuid and status is null;

-- name: answer
update cairn.http_idempotency
   set status = $6::int, body = $7::text
 where caller = $1::text and method = $2::text and path = $3::text and key = $4::text
   and claim = $5::uuid and status is null;

-- name: release
-- The claim lapses now; what it was for stays known, so that only the same request can take it over.
update cairn.http_idempotency
   set claimed_ms = claimed_ms - $6::bigint
 where caller = $1::text and method = $2::text and path = $3::text and key = $4::text
   and claim = $5::uuid and status is null;

-- name: purge
delete from cairn.http_idempotency where claimed_ms < $1::bigint;
