-- Whoever runs with the owner's rights looks for names in the temporary schema last. PostgreSQL looks there first unless it is named: a caller who may make temporary tables
-- could put one of his own, with a trigger, in the place of a table that cairn.create_book writes to, and the trigger would run with the owner's rights.

do $$
declare
  function record;
begin
  for function in
    select pg_get_functiondef(p.oid) as definition
      from pg_proc p
     where p.pronamespace = 'cairn'::regnamespace and p.prokind = 'f' and (p.prosecdef or p.prosrc like '%''%I, pg_catalog''%')
     order by p.oid
  loop
    execute replace(
      replace(function.definition, 'SET search_path TO ''pg_catalog''' || chr(10), 'SET search_path TO ''pg_catalog'', ''pg_temp''' || chr(10)),
      '''%I, pg_catalog''', '''%I, pg_catalog, pg_temp'''
    );
  end loop;
end
$$;
