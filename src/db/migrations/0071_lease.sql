-- A writer takes a book for a time: a lease by the server's clock, which it renews. It lets another process end the session of a holder that stands still;
-- what keeps that holder from writing is the epoch alone. And a book that was moved to another database says where it went, and takes no writer any more.

alter table cairn.book
  add status text not null default 'open',
  add moved_to text,
  add constraint book_status_is_known check (status in ('open', 'arriving', 'moving', 'moved')),
  add constraint book_that_moves_says_where check ((moved_to is not null) = (status in ('moving', 'moved')));
comment on column cairn.book.status is 'open: may be written here; arriving: being copied to here; moving: being copied away; moved: is elsewhere for good';
comment on column cairn.book.moved_to is 'The database where it goes or went, as host:port/name: what its callers are told';

-- What a book gets with this version, in the schema that the search path names first. From here on a change to the tables of a book is a function of its
-- own, book_step_NNNN, which its migration runs over the books that are there and create_book over each new one, in their order.
create function cairn.book_step_0071() returns void
language plpgsql as $$
begin
  alter table head
    -- Who has the book: an id of its own making, the session (a number is given again, with another start), and until when unless it says so again.
    add holder uuid,
    add holder_pid int4,
    add holder_since timestamptz,
    add lease_until timestamptz,
    -- Where the book was left: no batch and no writer gets past it. The application has no right to these two columns.
    add left_seq int8,
    add left_epoch int8,
    add constraint head_stands_where_it_was_left check (
      case num_nulls(left_seq, left_epoch) when 2 then true when 0 then seq = left_seq and epoch = left_epoch else false end
    ),
    add constraint head_holder_has_a_session check (num_nulls(holder, holder_pid, lease_until) in (0, 3));
  grant update (holder, holder_pid, holder_since, lease_until) on head to cairn_app;
end
$$;
revoke all on function cairn.book_step_0071() from public;

do $$
declare
  book record;
begin
  for book in select b.schema_name as name from cairn.book b order by b.id loop
    perform set_config('search_path', format('%I, pg_catalog', book.name), true);
    perform cairn.book_step_0071();
  end loop;
  perform set_config('search_path', '', true);
end
$$;

alter function cairn.create_book(uuid) rename to book_of_0070;
revoke all on function cairn.book_of_0070(uuid) from cairn_app;

-- Makes the schema of a book, once; any number of callers at the same moment get the same one. Runs with the owner's rights, so that the application can
-- open books without being able to make or own tables.
create function cairn.create_book(book uuid) returns text
language plpgsql security definer set search_path = pg_catalog as $$
declare
  name text;
  step record;
begin
  perform pg_advisory_xact_lock(hashtextextended('cairn.create_book', 0));
  select b.schema_name into name from cairn.book b where b.id = book;
  if found then
    return name;
  end if;
  name := cairn.book_of_0070(book);
  -- Undone when the function returns (its own SET).
  perform set_config('search_path', format('%I, pg_catalog', name), true);
  for step in select p.proname from pg_proc p where p.pronamespace = 'cairn'::regnamespace and p.proname ~ '^book_step_\d{4}$' order by p.proname loop
    execute format('select cairn.%I()', step.proname);
  end loop;
  return name;
end
$$;
revoke all on function cairn.create_book(uuid) from public;
grant execute on function cairn.create_book(uuid) to cairn_app;
