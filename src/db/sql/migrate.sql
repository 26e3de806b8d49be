-- name: lock
-- One migrator at a time in this database. The number is "cairn" in ASCII; the lock ends with the connection, so a killed migrator leaves none behind.
select pg_advisory_lock(426835834222::bigint);

-- name: schema
create schema if not exists cairn;

-- name: table
create table if not exists cairn.migration (
  number int not null,
  name text not null,
  checksum bytea not null,
  applied_ms bigint not null,
  constraint migration_number primary key (number),
  constraint migration_checksum_sha256 check (octet_length(checksum) = 32)
);

-- name: isMigrated
select to_regclass('cairn.migration') is not null as there, has_database_privilege(current_database(), 'create') as may_begin;

-- name: applied
select number, name, encode(checksum, 'hex') as checksum from cairn.migration order by number;

-- name: record
insert into cairn.migration (number, name, checksum, applied_ms)
values ($1::int, $2::text, decode($3::text, 'hex'), (extract(epoch from clock_timestamp()) * 1000)::bigint);
