-- What following a book needs beside its position.

-- name: lightly
-- For this transaction: its commit does not wait for the disk. A crash of the server takes it back whole, the work and the position, and then it is done again; whatever was
-- committed durably after it is on the disk with it.
select set_config('synchronous_commit', 'off', true);
