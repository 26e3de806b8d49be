-- name: groupNames
select rolname from pg_roles where rolname in ('cairn_app', 'cairn_read');

-- name: mayCreateRoles
select rolsuper or rolcreaterole as may from pg_roles where rolname = current_user;

-- name: power
-- What a connection could do beyond its group: everything here must be false for an application's or a reader's login.
-- The owner of schema cairn owns the journal, and an owner can grant itself anything back.
select r.rolsuper or r.rolcreaterole or r.rolbypassrls or r.rolreplication
       or pg_has_role(session_user, n.nspowner, 'member')
       or pg_has_role(session_user, d.datdba, 'member') as strong,
       pg_has_role(session_user, $1::name, 'usage') as member
  from pg_roles r, pg_namespace n, pg_database d
 where r.rolname = session_user and n.nspname = 'cairn' and d.datname = current_database();
