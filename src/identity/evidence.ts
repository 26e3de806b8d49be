import { Problem, toHex, type Hex, type MerchantId } from '#base';
import { parseCanonicalJson } from '#anchor/core';
import {
  messageDigest,
  parseAuthorisation,
  verifyMerchantKey,
  verifyOrder,
  verifyPayee,
  type Authorisation,
  type UsedNonces,
  type VerificationContext,
} from './core/core.ts';
import type { DirectoryDependencies } from './directory.ts';
import { bookedKeys, findStoredAuthorisation, type AuthorisationKind, type StoredAuthorisation } from './store.ts';

/** What a payment is made by. */
type PayingKind = 'Payee' | 'Order';
type Booked = StoredAuthorisation & { readonly bookedSeq: bigint };

interface KeyInForce {
  readonly fromSeq: bigint;
  readonly key: Hex;
}

/** Reads what a merchant signed again, and judges it anew. */
export interface EvidenceReader {
  /**
   * The signed message of this digest, null while the book has no record of it. Throws the problem that shows it to be not what the merchant signed: the digest of
   * other words, another signer than the merchant's key of that time, another record.
   */
  signed<Kind extends PayingKind>(kind: Kind, digest: Hex): Promise<Authorisation<Kind> | null>;
}

/** Its nonce was spent when the message was accepted, by the database's unique key. */
const NO_NONCES: UsedNonces = { usedBy: () => null };
const STORED_KINDS: Readonly<Record<PayingKind, AuthorisationKind>> = { Payee: 'payee', Order: 'order' };

/**
 * The rows of the directory can be changed by whoever administers the database; a signature cannot. What a reader has judged it remembers, so that it is to be used for
 * one pass over the payments and not for ever.
 */
export function evidenceReader(deps: Pick<DirectoryDependencies, 'database' | 'book' | 'domain'>): EvidenceReader {
  const { pool } = deps.database;
  const judged = new Map<string, Promise<Authorisation<PayingKind> | null>>();
  const keys = new Map<MerchantId, Promise<readonly KeyInForce[]>>();

  // Whether a message had expired was judged when it was accepted: it is in the book since then.
  const contextOf = (merchant: MerchantId): VerificationContext => ({ domain: deps.domain, nowMs: 0, merchant, nonces: NO_NONCES });

  async function read<Kind extends PayingKind | 'MerchantKey'>(kind: Kind, stored: Booked): Promise<Authorisation<Kind>> {
    const signed = parseAuthorisation(kind, parseCanonicalJson(stored.evidence));
    demand(toHex(messageDigest(deps.domain, kind, signed.message)) === stored.digest, `the message ${stored.digest} is stored with other words`);
    const [record] = await deps.book.records({ fromSeq: stored.bookedSeq, limit: 1 });
    const isInBook = record?.kind === stored.kind && 'authorisation' in record && record.authorisation === stored.digest;
    demand(isInBook, `record ${stored.bookedSeq} of the book is not that of the message ${stored.digest}`);
    return signed;
  }

  /** The merchant's keys in the order of the book, each signed for by the one before. */
  async function keysOf(merchant: MerchantId): Promise<readonly KeyInForce[]> {
    const chain: KeyInForce[] = [];
    for (const stored of (await bookedKeys(pool, merchant)) as Booked[]) {
      const signed = await read('MerchantKey', stored);
      verifyMerchantKey(signed, contextOf(merchant), chain.at(-1)?.key ?? null);
      chain.push({ fromSeq: stored.bookedSeq, key: signed.message.key });
    }
    return chain;
  }

  async function judge(kind: PayingKind, digest: Hex): Promise<Authorisation<PayingKind> | null> {
    const stored = await findStoredAuthorisation(pool, digest);
    demand(stored?.kind === STORED_KINDS[kind], `no ${STORED_KINDS[kind]} was signed for by the message ${digest}`);
    if (stored!.bookedSeq === null) return null;
    const booked = stored as Booked;
    const { merchant } = booked;
    const chain = await remembered(keys, merchant, () => keysOf(merchant));
    const key = chain.findLast(({ fromSeq }) => fromSeq < booked.bookedSeq)?.key;
    demand(key !== undefined, `merchant ${merchant} had no key at record ${booked.bookedSeq}`);
    if (kind === 'Payee') {
      const signed = await read(kind, booked);
      verifyPayee(signed, contextOf(merchant), key!);
      return signed;
    }
    const signed = await read(kind, booked);
    const { fileHash, count, controlSum, account } = signed.message;
    // Signed is signed: whether the stored file is the one that was meant is for whoever has the file.
    verifyOrder(signed, { fileHash, count: Number(count), controlSum }, { ...contextOf(merchant), key: key!, account });
    return signed;
  }

  return {
    signed: async <Kind extends PayingKind>(kind: Kind, digest: Hex) =>
      (await remembered(judged, `${kind} ${digest}`, () => judge(kind, digest))) as Authorisation<Kind> | null,
  };
}

function remembered<Key, Value>(known: Map<Key, Promise<Value>>, key: Key, find: () => Promise<Value>): Promise<Value> {
  const value = known.get(key) ?? find();
  known.set(key, value);
  return value;
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Problem('identity/bad-authorisation', `Of the evidence, ${otherwise}.`);
}
