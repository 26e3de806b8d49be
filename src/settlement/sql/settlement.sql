-- How far settlement is with each instruction and payout. What may be paid is in the anchored book, what was paid is on the chain; these rows only remember the way.

-- name: insertInstruction
insert into cairn.instruction (instruction, book, window_id, index, seq, token, asset, words, total, not_after_s, state, attempts, due_ms)
values ($1::bytea, $2::uuid, $3::uuid, $4::int4, $5::int8, $6::bytea, $7::int4, $8::bytea, $9::numeric, $10::int8, 'booked', 0, $11::int8)
on conflict (instruction) do nothing;

-- name: insertPayouts
insert into cairn.payout (instruction, index, payment, hold, address, amount, state, tries)
select $1::bytea, x.index, x.payment, x.hold, x.address, x.amount, 'open', 0
  from unnest($2::int4[], $3::uuid[], $4::uuid[], $5::bytea[], $6::numeric[]) as x(index, payment, hold, address, amount)
on conflict (instruction, index) do nothing;

-- name: openInstructions
select i.* from cairn.instruction i where i.state <> 'closed' and i.book = $1::uuid order by i.seq;

-- name: findInstruction
select i.* from cairn.instruction i where i.instruction = $1::bytea;

-- name: allInstructions
select i.* from cairn.instruction i where i.book = $1::uuid order by i.seq;

-- name: moveInstruction
update cairn.instruction
   set state = $3::text, attempts = $4::int4, due_ms = $5::int8, signature = coalesce($6::bytea, signature), waits_for = $7::text
 where instruction = $1::bytea and state = $2::text;

-- name: payoutsOf
select p.*, i.waits_for from cairn.payout p join cairn.instruction i using (instruction) where p.instruction = $1::bytea order by p.index;

-- name: payoutOfPayment
select p.*, i.waits_for from cairn.payout p join cairn.instruction i using (instruction) where p.payment = $1::uuid;

-- name: markPaid
update cairn.payout set state = 'paid', tx_hash = $3::bytea, block_number = $4::int8
 where instruction = $1::bytea and index = $2::int4 and state in ('open', 'failed');

-- name: markFailed
update cairn.payout set state = 'failed', tries = tries + 1 where instruction = $1::bytea and index = any($2::int4[]) and state in ('open', 'failed');

-- name: markClosed
-- 'booked' after a payment was posted, 'returned' after its hold was voided.
update cairn.payout set state = $3::text where instruction = $1::bytea and index = $2::int4 and state <> $3::text;

-- name: payoutTotals
select i.asset, p.state, sum(p.amount) as total, count(*) as count
  from cairn.payout p join cairn.instruction i using (instruction)
 where i.book = $1::uuid
 group by i.asset, p.state
 order by i.asset, p.state;
