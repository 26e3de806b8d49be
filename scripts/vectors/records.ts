import { keccak_256 } from '@noble/hashes/sha3.js';
import { canonicalJson, encodeRecord, fieldProof, fieldSalt, recordFieldsRoot, recordLeaf, recordSalt, type JsonValue } from '#anchor/core';
import { NIL_UUID, toHex, uintBytes, utf8, type AssetNo, type BookId, type Hex, type Uuid } from '#base';
import { FIELD_NAMES, KIND_NUMBERS, type Evidence, type Fields, type LedgerRecord, type RecordBody } from '#ledger/core';

export const CHAIN_ID = 31337n;
export const BOOK = '018f0000-0000-7000-8000-00000000b00c' as BookId;
const SUBJECT_KEY = keccak_256(utf8('cairn test vector: subject key'));

/** A readable id for vectors: its last digits say which one it is. */
export function id<Id extends Uuid<string>>(n: number): Id {
  return `018f0000-0000-7000-8000-${n.toString(16).padStart(12, '0')}` as Id;
}

export function address(n: number): Hex {
  return toHex(uintBytes(0xa000000000000000000000000000000000000000n + BigInt(n), 20));
}

export function word(label: string): Hex {
  return toHex(keccak_256(utf8(`cairn test vector: ${label}`)));
}

const ASSET = 1 as AssetNo;
const NOW_MS = 1_760_000_000_000;

const EVIDENCE: Fields = {
  order: canonicalJson({ endToEndId: 'INV-2025-0042', file: word('file'), instructed: { amount: '125000', currency: 'EUR' } }),
  payee: canonicalJson({ account: 'DE02120300000000202051', name: 'Grüße & Söhne 株式会社 🧾' }),
  screening: canonicalJson({ hits: [], list: 'sandbox', score: 12 }),
  authorisation: canonicalJson({ digest: word('order authorisation'), nonce: '7' }),
};

/** One record of each kind, a transfer with and without evidence, and the two ends of the integers. */
export function sampleRecords(): readonly LedgerRecord[] {
  const records: readonly (RecordBody & Evidence)[] = [
    { kind: 'asset', asset: ASSET, decimals: 6, caip19: `eip155:31337/erc20:${address(1)}`, peg: 'USD', symbol: 'tUSD' },
    { kind: 'asset', asset: 2 as AssetNo, decimals: 0, caip19: null, peg: 'JPY', symbol: 'JPY¥' },
    { kind: 'account', id: id(0x10), asset: ASSET, code: 20, flags: 2, overdraft: 0n, owner: id(0x20) },
    {
      kind: 'transfer',
      id: id(0x30),
      pendingId: NIL_UUID as never,
      debit: id(0x10),
      credit: id(0x11),
      asset: ASSET,
      amount: 125_000n,
      code: 10,
      flags: 66,
      timeoutS: 86_400,
      effectiveMs: NOW_MS,
      reference: id(0x40),
      subject: id(0x21),
      fields: EVIDENCE,
    },
    {
      kind: 'transfer',
      id: id(0x31),
      pendingId: id(0x30),
      debit: id(0x10),
      credit: id(0x11),
      asset: ASSET,
      amount: 2n ** 128n - 1n,
      code: 65_535,
      flags: 65_535,
      timeoutS: 2 ** 32 - 1,
      effectiveMs: Number.MAX_SAFE_INTEGER,
      reference: NIL_UUID as never,
    },
    { kind: 'refusal', transfer: id(0x32), code: 'exceeds_credits' },
    { kind: 'expiry', transfer: id(0x30) },
    { kind: 'merchant', merchant: id(0x20), key: address(2), authorisation: word('merchant key') },
    { kind: 'payee', payee: id(0x21), merchant: id(0x20), authorisation: word('payee'), subject: id(0x21), fields: { payee: EVIDENCE.payee! } },
    { kind: 'order', order: id(0x22), merchant: id(0x20), authorisation: word('order'), count: 24 },
    { kind: 'window', window: id(0x50), fromSeq: 1n, toSeq: 10n },
    {
      kind: 'instruction',
      vault: address(3),
      token: address(1),
      window: id(0x50),
      index: 0,
      listHash: word('list'),
      count: 3,
      total: 375_000n,
      notAfterS: 1_760_086_400,
    },
    { kind: 'tariff', tariff: id(0x60), schedule: canonicalJson({ basisPoints: 25, fixed: '500', maximum: '250000', minimum: '100' }) },
    { kind: 'wallet', merchant: id(0x20), wallet: address(4), authorisation: word('wallet') },
    { kind: 'release', transfer: id(0x30), instruction: word('instruction'), index: 2, reason: 1 },
    { kind: 'erasure', erased: id(0x21) },
    { kind: 'liability', root: word('liabilities'), asset: ASSET, total: 10n ** 24n },
  ];
  return records.map((record, i) => ({ ...record, seq: BigInt(i + 1), nowMs: NOW_MS + i }));
}

export function sampleFieldsRoot(record: LedgerRecord): Uint8Array {
  return recordFieldsRoot(record, record.fields ? recordSalt(SUBJECT_KEY, BOOK, record.seq) : null);
}

function asJson(record: LedgerRecord): JsonValue {
  return JSON.parse(JSON.stringify(record, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))) as JsonValue;
}

/** records.json and fields.json. */
export function recordVectors(): Record<string, unknown> {
  const context = { chainId: CHAIN_ID, book: BOOK };
  const records = sampleRecords();
  const shown = records.find(({ fields }) => fields !== undefined)!;
  const salt = recordSalt(SUBJECT_KEY, BOOK, shown.seq);
  return {
    'records.json': {
      about:
        'One record of each kind (docs/formats.md). leaf = keccak(preimage); parallel arrays, so that Solidity reads them with parseJsonBytesArray(json, ".preimages") and parseJsonBytes32Array(json, ".leaves"). `records` has the same, member by member; amounts and seq are decimal strings.',
      chainId: CHAIN_ID.toString(),
      book: BOOK,
      subjectKey: toHex(SUBJECT_KEY),
      kinds: records.map(({ kind }) => KIND_NUMBERS[kind]),
      fieldsRoots: records.map((record) => toHex(sampleFieldsRoot(record))),
      preimages: records.map((record) => toHex(encodeRecord(context, record, sampleFieldsRoot(record)))),
      leaves: records.map((record) => toHex(recordLeaf(context, record, sampleFieldsRoot(record)))),
      records: records.map(asJson),
    },
    'fields.json': {
      about:
        'The sixteen field leaves of one record. field leaf = keccak(0x00 || 0x04 || slot || salt || value); the path of a slot has four siblings; an absent field has the empty value.',
      seq: shown.seq.toString(),
      recordSalt: toHex(salt),
      root: toHex(sampleFieldsRoot(shown)),
      salts: Array.from({ length: 16 }, (_, slot) => toHex(fieldSalt(salt, slot))),
      names: FIELD_NAMES,
      values: FIELD_NAMES.map((name) => shown.fields?.[name] ?? ''),
      paths: FIELD_NAMES.map((name) => fieldProof(shown.fields!, salt, name).path.map(toHex)),
    },
  };
}
