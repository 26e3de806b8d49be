-- Which of a database's books is the platform's own: claimed before its first start makes anything, so that a start that died finds it again, and no book that was there
-- before or came from elsewhere is taken for it.

create table cairn.platform (
  single boolean not null default true,
  book   uuid    not null,
  constraint platform_pk primary key (single),
  constraint platform_is_one check (single)
);
comment on table cairn.platform is 'The book that the contracts of this deployment are, or will be, bound to';
grant select, insert on cairn.platform to cairn_app;
grant select on cairn.platform to cairn_read;

-- Before this it was the first one when the contracts were made; merchants are of no other book, whatever came since.
insert into cairn.platform (book)
select coalesce((select m.book from cairn.merchant m order by m.merchant limit 1), (select b.id from cairn.book b order by b.id limit 1)) as book
 where exists (select from cairn.book)
   and (exists (select from cairn.deployment) or exists (select from cairn.outbox_transaction o where o.purpose = 'deploy'));
