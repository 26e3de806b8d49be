-- What a consumer of committed records is told by: one row a batch, the head of the book that it moved, from the write-ahead log (docs/cdc.md). The records
-- themselves are read from the journal. Nothing of it is in the writer's way: no trigger on its tables, no notification, no lock but those it takes anyway.
-- The update of a table is published with its replica identity, which is the primary key of head, so that column goes along.
create publication cairn_heads with (publish = 'update');

-- A book is published with the row that makes it known, whoever makes it. Runs as the owner, who has the schema and the publication.
create function cairn.publish_head() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  if to_regclass(format('%I.head', new.schema_name)) is not null then
    execute format('alter publication cairn_heads add table %I.head (only_row, seq)', new.schema_name);
  end if;
  return null;
end
$$;
revoke all on function cairn.publish_head() from public;

create trigger book_is_published after insert on cairn.book for each row execute function cairn.publish_head();

do $$
declare
  book record;
begin
  for book in select b.schema_name as name from cairn.book b order by b.id loop
    execute format('alter publication cairn_heads add table %I.head (only_row, seq)', book.name);
  end loop;
end
$$;
