-- The database as the migrations leave it, with one book in it, read back from PostgreSQL's catalogues: to be read and reviewed, not to be run.
-- Written by `npx cairn dev schema`; a test compares it with a freshly migrated database.

schema cairn
-- Everything of one deployment; each book has a schema of its own, book_<32 hexadecimal digits>
grant usage to cairn_app
grant usage to cairn_read

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
