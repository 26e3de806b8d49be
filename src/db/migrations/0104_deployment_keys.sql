-- A deployment is told by its contracts, their book and its tokens, which the row has and the chain confirms. The digest also had the keys, the caps and the delay in it, which
-- governance may change: with another poster, signer or operator it refused every start.

alter table cairn.deployment drop column parameters;
