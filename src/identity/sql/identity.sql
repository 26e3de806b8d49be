-- Merchants, their wallets and payees, and every signature they gave. Rows are only added; a merchant's key may be rotated.

-- name: insertAuthorisation
-- A nonce is spent once, by its own constraint. Whoever comes second at the same moment waits here for the first and adds nothing: the caller looks which message that was.
insert into cairn.authorisation (digest, merchant, kind, nonce, expiry_s, evidence, accepted_ms)
values ($1::bytea, $2::uuid, $3::text, $4::numeric, $5::numeric, $6::text, $7::int8)
on conflict do nothing;

-- name: findAuthorisation
select a.digest, a.merchant, a.kind, a.evidence, a.booked_seq from cairn.authorisation a where a.digest = $1::bytea;

-- name: bookedKeys
-- Every key message of a merchant, in the order of the book.
select a.digest, a.merchant, a.kind, a.evidence, a.booked_seq
  from cairn.authorisation a
 where a.merchant = $1::uuid and a.kind = 'merchant' and a.booked_seq is not null
 order by a.booked_seq;

-- name: unbookedAuthorisations
-- Oldest first: a payee's merchant is booked before the payee.
select a.digest, a.merchant, a.kind, a.evidence
  from cairn.authorisation a
 where a.booked_seq is null
 order by a.accepted_ms, a.kind <> 'merchant', a.digest
 limit 1000;

-- name: markBooked
update cairn.authorisation set booked_seq = $2::int8 where digest = $1::bytea and booked_seq is null;

-- name: insertMerchant
insert into cairn.merchant (merchant, book, name, signing_key, digest, registered_ms)
values ($1::uuid, $2::uuid, $3::text, $4::bytea, $5::bytea, $6::int8);

-- name: rotateMerchantKey
update cairn.merchant set signing_key = $2::bytea, digest = $3::bytea where merchant = $1::uuid;

-- name: findMerchant
select m.merchant, m.name, m.signing_key, m.digest from cairn.merchant m where m.merchant = $1::uuid;

-- name: listMerchants
select m.merchant, m.name, m.signing_key, m.digest from cairn.merchant m order by m.merchant;

-- name: insertWallet
insert into cairn.wallet (wallet, merchant, digest) values ($1::bytea, $2::uuid, $3::bytea);

-- name: findWallet
select w.wallet, w.merchant from cairn.wallet w where w.wallet = $1::bytea;

-- name: insertSearch
insert into cairn.wallet_search (wallet) values ($1::bytea);

-- name: openSearches
-- Of wallets in the book; who was never looked for first.
select s.wallet, s.block, s.log_index
  from cairn.wallet_search s
  join cairn.wallet w on w.wallet = s.wallet
  join cairn.authorisation a on a.digest = w.digest
 where not s.is_whole and a.booked_seq is not null
 order by s.block, s.wallet
 limit $1::int4;

-- name: moveSearch
update cairn.wallet_search set block = $2::int8, log_index = $3::int4, is_whole = $4::boolean where wallet = $1::bytea and not is_whole;

-- name: insertPayee
insert into cairn.payee (payee, merchant, name, account, address, asset, sandbox, digest, added_ms)
values ($1::uuid, $2::uuid, $3::text, $4::text, $5::bytea, $6::int4, $7::boolean, $8::bytea, $9::int8);

-- name: findPayee
-- The entry in force: the one that was signed for last, in the order of the book.
select p.payee, p.merchant, p.name, p.account, p.address, p.asset, p.sandbox, p.digest
  from cairn.payee p
  left join cairn.authorisation a on a.digest = p.digest
 where p.merchant = $1::uuid and p.account = $2::text
 order by a.booked_seq desc nulls first, p.payee desc
 limit 1;

-- name: findPayeeById
select p.payee, p.merchant, p.name, p.account, p.address, p.asset, p.sandbox, p.digest from cairn.payee p where p.payee = $1::uuid;

-- name: listPayees
select p.payee, p.merchant, p.name, p.account, p.address, p.asset, p.sandbox, p.digest
  from cairn.payee p
 where p.merchant = $1::uuid and p.payee > $2::uuid
 order by p.payee
 limit $3::int4;
