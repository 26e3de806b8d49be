-- name: groupNames
select rolname from pg_roles where rolname in ('cairn_app', 'cairn_read');

-- name: mayCreateRoles
select rolsuper or rolcreaterole as may from pg_roles where rolname = current_user;

-- name: power
-- What a connection could do beyond its group: everything here must be false for an application's or a reader's login.
-- The owner of schema cairn owns the journal, and an owner can grant itself anything back. Any other membership is refused, whatever it is of: pg_write_all_data, and whoever may become it,
-- writes every table. And what was granted to the login itself, or to everybody, is asked of each book's tables that are only appended to.
select r.rolsuper or r.rolcreaterole or r.rolbypassrls or r.rolreplication
       or pg_has_role(session_user, n.nspowner, 'member')
       or pg_has_role(session_user, d.datdba, 'member')
       or exists (select from pg_roles o where o.rolname not in (session_user, $1::name) and pg_has_role(session_user, o.oid, 'member'))
       or exists (
         select from pg_class t
           join pg_namespace b on b.oid = t.relnamespace
          where b.nspname ~ '^book_[0-9a-f]{32}$' and t.relname in ('journal', 'account_history')
            and (has_table_privilege(session_user, t.oid, 'delete, truncate') or has_any_column_privilege(session_user, t.oid, 'update'))
       ) as strong,
       pg_has_role(session_user, $1::name, 'usage') as member
  from pg_roles r, pg_namespace n, pg_database d
 where r.rolname = session_user and n.nspname = 'cairn' and d.datname = current_database();
