-- What every deployment has once: the schema for everything that is not one book's, and who may look into it.
-- The roles cairn_app and cairn_read exist already: they belong to the server, not to this database, and are made before the first migration (roles.ts).
-- (schema cairn and cairn.migration are made by the runner itself, which has to remember this migration in it.)

comment on schema cairn is 'Everything of one deployment; each book has a schema of its own, book_<32 hexadecimal digits>';
comment on table cairn.migration is 'Which migrations this database has had, and the SHA-256 of each as it was then';

grant usage on schema cairn to cairn_app, cairn_read;
grant select on cairn.migration to cairn_app, cairn_read;

-- Nobody makes objects here but the owner. (PostgreSQL 15 and newer no longer let everyone create in public either.)
revoke all on schema cairn from public;
