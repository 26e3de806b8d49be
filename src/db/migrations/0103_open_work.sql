-- What every pass over the platform asks for is what is still open: indexes of that alone, so that a pass does not grow with everything that ever ended.

create index anchor_open on cairn.anchor (log_index) where state <> 'final';
create index instruction_open on cairn.instruction (book, seq) where state <> 'closed';
create index payment_held on cairn.payment (hold_seq) where state = 'held';

-- A payment's payout is asked for by whoever wants its receipt.
create index payout_of_payment on cairn.payout (payment);
