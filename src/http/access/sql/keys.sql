-- name: find
select id, secret_hash, merchant::text, scopes, label, created_ms, expires_ms, revoked_ms
  from cairn.api_key
 where id = $1::text;

-- name: list
select id, secret_hash, merchant::text, scopes, label, created_ms, expires_ms, revoked_ms
  from cairn.api_key
 where id > $1::text
 order by id
 limit $2::int;

-- name: insert
-- The same key again is no error: the caller compares the row that is there.
insert into cairn.api_key (id, secret_hash, merchant, scopes, label, created_ms, expires_ms)
values ($1::text, $2::bytea, $3::uuid, $4::text[], $5::text, $6::bigint, $7::bigint)
on conflict on constraint api_key_id do nothing;

-- name: revoke
update cairn.api_key
   set revoked_ms = coalesce(revoked_ms, $2::bigint)
 where id = $1::text;
