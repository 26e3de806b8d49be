-- Holds of transfers between books (code 20) that are open are found without reading all that were ever taken. No other hold is in the index, so none pays for it.

do $$
declare
  index_of_open text := 'create index pending_between on pending (seq) where status = ''open'' and code = 20;';
  known text := pg_get_functiondef('cairn.create_book(uuid)'::regprocedure);
  extended text := replace(known, '  create index pending_of_window', '  ' || index_of_open || E'\n  create index pending_of_window');
  book record;
begin
  for book in select b.schema_name as name from cairn.book b order by b.id loop
    perform set_config('search_path', format('%I, pg_catalog', book.name), true);
    execute index_of_open;
  end loop;
  perform set_config('search_path', '', true);
  -- One line is put into the function that makes a book: whatever else it makes by now stays.
  if extended = known then
    raise exception 'cairn.create_book makes no index pending_of_window, behind which pending_between belongs';
  end if;
  execute extended;
end
$$;
