import { secp256k1 } from '@noble/curves/secp256k1.js';
import type pg from 'pg';
import { canonicalJson } from '#anchor/core';
import { fromHex, toHex, type Hex, type OrderId, type PayeeId } from '#base';
import { authorisationJson, merchantDomain, messageDigest, type MessageKind, type Messages } from '#identity/core';

/** What a superuser does to the database of a finished run, and what an audit has to say about it. */
export interface Tampering {
  readonly what: string;
  /** Returns the record that has to be named, null where the contradiction is about a whole batch. */
  readonly tamper: (db: TamperedDatabase) => Promise<bigint | null>;
  /** Of the finding that names it. */
  readonly kind: string;
  readonly says: RegExp;
  /** Whether a batch has to be named; what was appended behind the last one is in none. */
  readonly sealed: boolean;
}

/** The book's schema as `b`, every trigger and foreign key off. */
export interface TamperedDatabase {
  /** First column of the first row, if any. `b.` is the book's schema. */
  one<T>(sql: string, params?: readonly unknown[]): Promise<T>;
  readonly domain: ReturnType<typeof merchantDomain>;
}

export async function tampered(superuser: pg.Client): Promise<TamperedDatabase> {
  await superuser.query('set session_replication_role = replica');
  const schema = (await superuser.query<{ schema_name: string }>('select schema_name from cairn.book')).rows[0]!.schema_name;
  const { chain_id, vault } = (await superuser.query<{ chain_id: string; vault: Buffer }>('select chain_id, vault from cairn.deployment')).rows[0]!;
  return {
    one: async <T>(sql: string, params: readonly unknown[] = []) => {
      const { rows } = await superuser.query({ text: sql.replaceAll(/\bb\./g, `${schema}.`), values: [...params], rowMode: 'array' });
      return (rows as unknown as T[][])[0]?.[0] as T;
    },
    domain: merchantDomain(BigInt(chain_id), toHex(new Uint8Array(vault))),
  };
}

const THIEF: Hex = `0x${'17'.repeat(32)}`;
const HIS_ADDRESS: Hex = `0x${'66'.repeat(20)}`;

function forged<Kind extends MessageKind>({ domain }: TamperedDatabase, kind: Kind, message: Messages[Kind]): { evidence: string; digest: Hex } {
  const digest = messageDigest(domain, kind, message);
  const signed = secp256k1.sign(digest, fromHex(THIEF), { prehash: false, format: 'recovered' });
  const signature = toHex(Uint8Array.of(...signed.slice(1), 27 + signed[0]!));
  return { evidence: canonicalJson(authorisationJson({ kind, message, evidence: { scheme: 'eip712', signature } })), digest: toHex(digest) };
}

const HOLD = `select j.seq from b.journal j join b.evidence e on e.seq = j.seq where j.kind = 3 and e.fields ? 'order' order by j.seq limit 1`;

async function holdSeq(db: TamperedDatabase): Promise<bigint> {
  return BigInt(await db.one<string>(HOLD));
}

async function signedMessage<Kind extends MessageKind>(db: TamperedDatabase, kind: number): Promise<{ seq: bigint; message: Messages[Kind] }> {
  const seq = BigInt(await db.one<string>(`select seq from b.journal where kind = ${kind} order by seq limit 1`));
  const evidence = await db.one<string>(`select fields ->> 'authorisation' from b.evidence where seq = $1`, [seq]);
  const { message } = JSON.parse(evidence) as { message: Record<string, string> };
  const whole = {
    ...message,
    nonce: BigInt(message['nonce']!),
    expiry: BigInt(message['expiry']!),
    ...(message['count'] && { count: BigInt(message['count']) }),
  };
  return { seq, message: whole as unknown as Messages[Kind] };
}

async function replaceSigned(db: TamperedDatabase, seq: bigint, member: string, id: string, evidence: string, digest: Hex): Promise<void> {
  await db.one(`update b.journal set key = $2 || ':' || $3, body = body || jsonb_build_object($2::text, $3::text, 'authorisation', $4::text) where seq = $1`, [
    seq,
    member,
    id,
    digest,
  ]);
  await db.one(`update b.evidence set fields = jsonb_build_object('authorisation', $2::text) where seq = $1`, [seq, evidence]);
}

export const TAMPERINGS: readonly Tampering[] = [
  {
    what: 'an amount',
    kind: 'leaf',
    says: /changed after it was sealed/,
    sealed: true,
    tamper: async (db) => BigInt(await db.one<string>(`update b.journal set amount = amount + 1 where seq = (${HOLD}) returning seq`)),
  },
  {
    what: 'an account',
    kind: 'leaf',
    says: /changed after it was sealed/,
    sealed: true,
    tamper: async (db) => {
      const seq = BigInt(await db.one<string>(`select seq from b.journal where kind = 3 and code = 1 order by seq limit 1`));
      await db.one(
        `update b.journal set credit = (select credit from b.journal where kind = 3 and code = 1 and seq <> $1 and credit <> (select credit from b.journal where seq = $1) limit 1) where seq = $1`,
        [seq],
      );
      return seq;
    },
  },
  {
    what: 'an order',
    kind: 'order',
    says: /creditorAccount "DE00"; the signed file says/,
    sealed: true,
    tamper: async (db) => {
      const seq = await holdSeq(db);
      const order = JSON.parse(await db.one<string>(`select fields ->> 'order' from b.evidence where seq = $1`, [seq])) as object;
      await db.one(`update b.evidence set fields = fields || jsonb_build_object('order', $2::text) where seq = $1`, [
        seq,
        canonicalJson({ ...order, creditorAccount: 'DE00' }),
      ]);
      return seq;
    },
  },
  {
    what: 'the file of an order',
    kind: 'order',
    says: /no valid signature: The merchant signed the file/,
    sealed: true,
    tamper: async (db) => {
      const order = await db.one<string>(
        `update cairn.order_file set file = file || '\\x0a'::bytea where order_id = (select order_id from cairn.order_file limit 1) returning order_id`,
      );
      return BigInt(await db.one<string>(`select seq from b.journal where key = 'order:' || $1`, [order]));
    },
  },
  {
    what: 'a deleted entry',
    kind: 'leaf',
    says: /is not there/,
    sealed: true,
    tamper: async (db) =>
      BigInt(
        await db.one<string>(`delete from b.journal where seq = (select seq from b.journal where kind = 3 and code = 11 order by seq limit 1) returning seq`),
      ),
  },
  {
    what: 'an inserted entry',
    kind: 'leaf',
    says: /changed after it was sealed/,
    sealed: true,
    tamper: async (db) => {
      const seq = await holdSeq(db);
      await db.one(`update b.journal set seq = -seq - 1 where seq >= $1::int8`, [seq]);
      await db.one(`update b.journal set seq = -seq where seq < 0`);
      await db.one(`update b.evidence set seq = -seq - 1 where seq >= $1`, [seq]);
      await db.one(`update b.evidence set seq = -seq where seq < 0`);
      await db.one(
        `insert into b.journal (seq, now_ms, kind, id, debit, credit, asset, amount, code, flags)
         select $1::int8, now_ms, 3, gen_random_uuid(), debit, credit, asset, 5, 99, 0 from b.journal where seq = $1::int8 + 1`,
        [seq],
      );
      return seq;
    },
  },
  {
    what: 'an entry appended where nobody ordered it, with balances that fit',
    kind: 'unauthorised',
    says: /neither a deposit nor a leg of a payment/,
    sealed: false,
    tamper: async (db) => {
      const seq = BigInt(await db.one<string>(`update b.head set seq = seq + 1 returning seq`));
      await db.one(
        `insert into b.journal (seq, now_ms, kind, id, debit, credit, asset, amount, code, flags)
         select $1, (select now_ms from b.head), 3, gen_random_uuid(), d.no, c.no, d.asset, 5, 99, 0
           from b.account d join b.account c on c.asset = d.asset and c.code = 20 and c.no <> d.no
           cross join lateral (select * from b.account_history l where l.account = d.no order by l.seq desc limit 1) as h
          where d.code = 20 and h.credits_posted > h.debits_posted + h.debits_pending + 5 limit 1`,
        [seq],
      );
      // Each of the two accounts as it was, and five more on its side.
      await db.one(
        `insert into b.account_history (seq, account, flags, debits_pending, debits_posted, credits_pending, credits_posted, overdraft)
         select j.seq, a.no, h.flags, h.debits_pending, h.debits_posted + case a.no when j.debit then 5 else 0 end,
                h.credits_pending, h.credits_posted + case a.no when j.credit then 5 else 0 end, h.overdraft
           from b.journal j join b.account a on a.no in (j.debit, j.credit)
          cross join lateral (select * from b.account_history l where l.account = a.no order by l.seq desc limit 1) as h
          where j.seq = $1`,
        [seq],
      );
      return seq;
    },
  },
  {
    what: 'a balance',
    kind: 'balance',
    says: /the stored creditsPosted/i,
    sealed: true,
    tamper: async (db) =>
      BigInt(
        await db.one<string>(
          `update b.account_history set credits_posted = credits_posted + 1000000
            where (account, seq) = (
              select h.account, max(h.seq) from b.account_history h join b.account a on a.no = h.account where a.code = 20 group by h.account having max(h.debits_posted) > 0 limit 1
            )
           returning seq`,
        ),
      ),
  },
  {
    what: 'a fee',
    kind: 'price',
    says: /the fee leg of payment .* is 1; its quote comes to/,
    sealed: true,
    tamper: async (db) =>
      BigInt(
        await db.one<string>(
          `update b.journal set amount = 1 where seq = (select seq from b.journal where kind = 3 and code = 11 and pending_id is null order by seq limit 1) returning seq`,
        ),
      ),
  },
  {
    what: 'swapped salts',
    kind: 'fields',
    says: /the salt of its subject, is not what was sealed/,
    sealed: true,
    tamper: async (db) => {
      const seq = await holdSeq(db);
      const one = await db.one<string>(`select subject from b.evidence where seq = $1`, [seq]);
      const two = await db.one<string>(`select subject from cairn.subject_key where subject <> $1 limit 1`, [one]);
      await db.one(
        `update cairn.subject_key k set key = o.key from cairn.subject_key o where k.subject in ($1, $2) and o.subject in ($1, $2) and o.subject <> k.subject`,
        [one, two],
      );
      return seq;
    },
  },
  {
    what: 'a replaced root',
    kind: 'batch',
    says: /root 0x(ab){32} of batch 2 \(records \d+ to \d+\) is not that of its leaves/,
    sealed: true,
    tamper: async (db) => {
      await db.one(`update cairn.batch set batch_root = decode(repeat('ab', 32), 'hex') where batch_no = 2`);
      return null;
    },
  },
  {
    what: 'a root replaced together with everything above it',
    kind: 'anchor',
    says: /carries batch 1 \(records \d+ to \d+\).*on the chain: what it carries was replaced/,
    sealed: true,
    tamper: async (db) => {
      await db.one(`update cairn.batch set book_record = decode(repeat('cd', 32), 'hex') where batch_no = 1`);
      await db.one(`update cairn.anchor set leaf = decode(repeat('cd', 32), 'hex') where log_index = (select log_index from cairn.batch where batch_no = 1)`);
      return null;
    },
  },
  {
    what: 'the last batch taken out with its anchor and its records',
    kind: 'anchor',
    says: /since before the export was written, and the export does not: entries were taken out/,
    sealed: false,
    tamper: async (db) => {
      const first = await db.one<string>(`delete from cairn.batch where batch_no = (select max(batch_no) from cairn.batch) returning first_seq`);
      await db.one(`delete from cairn.anchor where log_index = (select max(log_index) from cairn.anchor)`);
      await db.one(`delete from b.journal where seq >= $1`, [first]);
      return null;
    },
  },
  {
    what: 'an invented order',
    kind: 'order',
    says: /no valid signature: The message was signed by/,
    sealed: true,
    tamper: async (db) => {
      const { seq, message } = await signedMessage<'Order'>(db, 8);
      const order = '7f000000-0000-8000-8000-000000000003' as OrderId;
      const { evidence, digest } = forged(db, 'Order', { ...message, order, nonce: 99n });
      await replaceSigned(db, seq, 'order', order, evidence, digest);
      await db.one(`update cairn.order_file set order_id = $1, digest = $2 where order_id = $3`, [order, Buffer.from(fromHex(digest)), message.order]);
      return seq;
    },
  },
  {
    what: 'an invented payee',
    kind: 'payee',
    says: /no valid signature: The message was signed by/,
    sealed: true,
    tamper: async (db) => {
      const { seq, message } = await signedMessage<'Payee'>(db, 7);
      const payee = '7f000000-0000-8000-8000-000000000004' as PayeeId;
      const { evidence, digest } = forged(db, 'Payee', { ...message, payee, settlementAddress: HIS_ADDRESS, nonce: 99n });
      await replaceSigned(db, seq, 'payee', payee, evidence, digest);
      return seq;
    },
  },
  {
    what: 'a payee invented in the directory alone',
    kind: 'payee',
    says: /in no signed record of the book/,
    sealed: false,
    tamper: async (db) => {
      await db.one(
        `insert into cairn.payee select gen_random_uuid(), merchant, 'Thief Ltd', 'DE00', decode(repeat('66', 20), 'hex'), asset, false, digest, added_ms from cairn.payee limit 1`,
      );
      return null;
    },
  },
];
