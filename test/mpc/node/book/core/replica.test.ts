import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { Problem } from '#base';
import { canonicalJson, type JsonValue } from '#anchor/core';
import { instructionId } from '#custody/intents';
import { itemFromJson, itemToJson, type FeedItem } from '#feed/core';
import { merchantDomain } from '#identity/core';
import { closingIdOf, VOID_PENDING, type FieldName, type LedgerRecord, type TransferRecord } from '#ledger/core';
import { Authority } from '../../../../../mpc/node/book/core/authority.ts';
import { claimOf } from '../../../../../mpc/node/book/core/deposits.ts';
import { Payments } from '../../../../../mpc/node/book/core/payments.ts';
import { Replica } from '../../../../../mpc/node/book/core/replica.ts';
import { Forge } from '../support/forge.ts';

const JUNK: readonly JsonValue[] = [null, true, 7, -1, '', 'x', '0x', [], {}, [null], { a: 1 }, '9'.repeat(60)];

/** The value with each of its members, at any depth, replaced by junk or left out. */
function* spoilt(value: JsonValue): Generator<JsonValue> {
  yield* JUNK;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const object = value as { readonly [member: string]: JsonValue };
  for (const [member, inner] of Object.entries(object)) {
    const { [member]: _, ...rest } = object;
    yield rest;
    for (const other of spoilt(inner)) yield { ...object, [member]: other };
  }
}

/** The record with a field spoilt in every way, and with text that is no JSON. */
function* records<R extends LedgerRecord>(record: R, name: FieldName): Generator<R> {
  for (const text of ['', '{', 'null', '{"b":1,"a":2}']) yield { ...record, fields: { ...record.fields, [name]: text } };
  for (const value of spoilt(JSON.parse(record.fields![name]!) as JsonValue)) yield { ...record, fields: { ...record.fields, [name]: canonicalJson(value) } };
}

/** Whoever writes the book chooses its evidence: whatever that is, a signer has to come to an answer, or one record would stop it for ever. */
describe('evidence of any shape', function () {
  this.timeout(120_000);
  const forge = new Forge();
  const replica = new Replica(forge.registration);
  let found: LedgerRecord[];
  before(async () => {
    await forge.open();
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    for (const item of forge.items) assert.ok(replica.step(item, Infinity).ok);
    found = forge.items.map(({ record }) => record);
  });

  it('of a hold is no payment, and no end of a signer', () => {
    const hold = found.find((record): record is TransferRecord => record.kind === 'transfer' && record.fields?.payee !== undefined)!;
    const tariff = found.find((record) => record.kind === 'tariff')!;
    let tried = 0;
    for (const name of ['order', 'payee', 'quote', 'authorisation'] as const)
      for (const record of records(hold, name)) {
        const payments = new Payments(forge.book, forge.chain.chainId, replica.authority);
        payments.tariff(tariff);
        payments.leg(replica.state, record);
        const isSame = canonicalJson({ ...record.fields }) === canonicalJson({ ...hold.fields });
        // Members that nothing follows from may say what they like.
        const isIdle = name === 'quote' || name === 'payee';
        if (!isSame && !isIdle) assert.notEqual(payments.held(hold.id)?.fault, null, record.fields![name]);
        tried++;
      }
    assert.ok(tried > 500, `${tried} shapes`);
  });

  it('of a deposit is no deposit, and no end of a signer', () => {
    const deposit = found.find((record): record is TransferRecord => record.kind === 'transfer' && record.fields?.deposit !== undefined)!;
    let refused = 0;
    const context = { book: forge.book, chainId: forge.chain.chainId, authority: replica.authority, state: replica.state };
    for (const record of records(deposit, 'deposit')) if (typeof claimOf(context, record) === 'string') refused++;
    assert.ok(refused > 50, `${refused} refused`);
  });

  it('of a key, a payee and an order gives nobody authority, and is no end of a signer', () => {
    const key = found.find((record) => record.kind === 'merchant')!;
    for (const kind of ['merchant', 'payee', 'order'] as const) {
      const signed = found.find((record): record is Extract<LedgerRecord, { kind: typeof kind }> => record.kind === kind)!;
      for (const record of records(signed, 'authorisation')) {
        const authority = new Authority(merchantDomain(forge.chain.chainId, forge.chain.vault));
        if (kind !== 'merchant') authority.step(replica.state, key, null);
        authority.step(replica.state, record, forge.items.find((item) => item.record.kind === 'order')!.file);
        if (record.kind === 'merchant') assert.ok(!authority.hasMerchant(record.merchant));
        if (record.kind === 'payee') assert.ok('rule' in authority.payee(record.payee));
        if (record.kind === 'order') assert.ok('rule' in authority.order(record.order));
      }
    }
  });
});

const EXTREMES: readonly JsonValue[] = [
  '0',
  '1',
  `${(1n << 63n) - 1n}`,
  `${(1n << 64n) - 1n}`,
  `${(1n << 128n) - 1n}`,
  0,
  255,
  65_535,
  4_294_967_295,
  Number.MAX_SAFE_INTEGER,
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  `0x${'00'.repeat(20)}`,
  `0x${'ff'.repeat(32)}`,
  '{}',
  '\u0000',
  null,
];

describe('a record of any shape', function () {
  this.timeout(120_000);

  it('is taken or refused, and a refusal changes nothing', async () => {
    const forge = await new Forge().open();
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle();
    const hold = [...forge.state.holds.keys()][0]!;
    forge.submit([{ kind: 'release', transfer: hold, instruction: instructionId(intent.instruction), index: 0, reason: 1 }]);
    forge.submit([{ kind: 'transfer', id: closingIdOf(hold), pendingId: hold, amount: 0n, flags: VOID_PENDING }]);
    const upTo = (count: number): Replica => {
      const fresh = new Replica(forge.registration);
      for (const item of forge.items.slice(0, count)) assert.ok(fresh.step(item, Infinity).ok);
      return fresh;
    };
    const at = fc.record({ item: fc.nat(forge.items.length - 1), member: fc.nat(14), value: fc.constantFrom(...EXTREMES) });
    const seen = { taken: 0, refused: 0, unreadable: 0 };
    fc.assert(
      fc.property(at, ({ item: n, member, value }) => {
        const json = itemToJson(forge.items[n]!) as { readonly record: Readonly<Record<string, JsonValue>> };
        const names = Object.keys(json.record);
        const spoiltJson = { ...json, record: { ...json.record, [names[member % names.length]!]: value } };
        let item: FeedItem;
        try {
          item = itemFromJson(spoiltJson, 'the item');
        } catch (error) {
          assert.ok(error instanceof Problem, String(error));
          seen.unreadable++;
          return;
        }
        const replica = upTo(n);
        const stepped = replica.step(item, Infinity);
        seen[stepped.ok ? 'taken' : 'refused']++;
        if (!stepped.ok) assert.ok(replica.step(forge.items[n]!, Infinity).ok);
      }),
      { numRuns: 400 },
    );
    assert.ok(seen.taken > 5 && seen.refused > 20 && seen.unreadable > 20, JSON.stringify(seen));
  });
});
