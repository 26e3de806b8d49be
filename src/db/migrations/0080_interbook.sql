-- The open holds of transfers between books (code 20) are found without reading all that were ever taken. No other hold is in the index, so none pays for it.
create function cairn.book_step_0080() returns void
language plpgsql as $$
begin
  create index pending_between on pending (seq) where status = 'open' and code = 20;
end
$$;
revoke all on function cairn.book_step_0080() from public;

do $$
declare
  book record;
begin
  for book in select b.schema_name as name from cairn.book b order by b.id loop
    perform set_config('search_path', format('%I, pg_catalog', book.name), true);
    perform cairn.book_step_0080();
  end loop;
  perform set_config('search_path', '', true);
end
$$;
