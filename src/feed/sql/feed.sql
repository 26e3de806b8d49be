-- What a signer node is fed: sealed records only, with what their leaves are recomputed from (migrations 0020, 0040).

-- name: sealedTo
select coalesce(max(b.last_seq), 0)::int8 as last_seq from cairn.batch b where b.book = $1::uuid;

-- name: sealedFrom
select b.first_seq, b.last_seq, b.fields_roots
  from cairn.batch b
 where b.book = $1::uuid and b.last_seq >= $2::int8 and b.first_seq < $3::int8
 order by b.batch_no;

-- name: subjectKeys
select k.subject, k.key from cairn.subject_key k where k.subject = any ($1::uuid[]);

-- name: orderFiles
select o.order_id, o.file from cairn.order_file o where o.order_id = any ($1::uuid[]);
