-- name: transitions
select t.from_state, t.to_state from cairn.payment_transition t;

-- name: states
select pg_get_constraintdef(c.oid) as definition from pg_constraint c where c.conname = 'payment_state_is_known';
