import { strict as assert } from 'node:assert';
import { concat, Problem, systemClock, toHex } from '#base';
import { addressOf } from '#custody/intents';
import { NodeStore } from '#mpc/node';
import { contextOf, encodePair, encodeRecord, publicPart, type PartyId } from '#mpc/protocol';
import { poison } from '../../../../mpc/node/process/duties.ts';
import { Conversations, END, type Tell } from '../../../../mpc/node/session/conversations.ts';
import { epochDataToJson, foundersOf, KeyRing, type Key } from '../../../../mpc/node/session/keyRing.ts';
import { Pairs } from '../../../../mpc/node/session/pairs.ts';
import { Signer } from '../../../../mpc/node/session/signer.ts';
import { recordsOf, runDkg } from '../../protocol/support/ceremony.ts';
import { dealPair, random } from '../../protocol/support/dealer.ts';
import { EFFECTS, SIGNING_FIELDS } from '../../protocol/support/fields.ts';
import { bytes, clearHomes, emptyFolder, NO_AUDIT, NOW_MS, optionsIn, policyWith } from '../fixtures.ts';

const [first, second] = recordsOf(runDkg(2, 2));
const records = [first!, second!] as const;
const ref = { keyId: toHex(records[0].keyId), epochId: toHex(records[0].epochId) };
/** A point of the curve that no message of these sessions holds. */
const SOME_POINT = records[0].publicKey;
const AUDIT = { append: async () => NO_AUDIT } as never;

/** Party 1 with a store on a real disk, in which the key of both is ACTIVE. */
async function disk(): Promise<{ readonly options: ReturnType<typeof optionsIn>; readonly theirs: ReturnType<typeof dealPair>[1] }> {
  const options = { ...optionsIn(emptyFolder()), isTestDigest: () => true };
  const [mine, theirs] = dealPair(records[0], records[1], 1);
  await NodeStore.create(options, policyWith(), NOW_MS);
  const store = await NodeStore.open(options);
  const { setupId } = mine.secrets;
  const made = {
    ...ref,
    epoch: records[0].epoch,
    parties: [1, 2],
    data: epochDataToJson({ role: 'poster', epoch: publicPart(records[0]), founders: foundersOf(publicPart(records[0])) }),
  };
  await store.putPending(
    { ...made, share: encodeRecord(records[0]), pairs: [{ peer: 2, generation: 1, setupId: toHex(setupId), secrets: encodePair(mine) }] },
    NOW_MS,
  );
  await store.confirm(ref, bytes(1, 64), NOW_MS);
  await store.promote(ref, [1, 2].map((party) => ({ party, signature: bytes(party, 64) })), NOW_MS); // prettier-ignore
  await store.close();
  return { options, theirs };
}

/** Both sign once, with one message of party 2 to party 1 changed on its way; what party 1 ended with, and what is then on its disk, read by another process' eyes. */
async function signed(round: number, change: (message: Uint8Array) => Uint8Array) {
  const { options, theirs } = await disk();
  const store = await NodeStore.open(options);
  const talks = new Map<PartyId, Conversations>();
  const tellOf =
    (from: PartyId): Tell =>
    async (to, method, payload) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (method === END) return talks.get(to)!.ended(from, payload);
      const isChanged = from === 2 && payload[32] === round;
      talks.get(to)!.said(from, isChanged ? concat(payload.subarray(0, 33), change(payload.slice(33))) : payload);
    };
  const common = {
    audit: AUDIT,
    judge: { judge: () => assert.fail('a test signature is judged by nobody') },
    timeouts: { decisionMs: 5_000, roundMs: 5_000 },
    demandReady: () => undefined,
    clock: systemClock,
    random,
    onFatal: (problem: Problem) => assert.fail(problem.message),
    onEvent: () => undefined,
  };
  const ring = new KeyRing(store, async (key, party, abort, sid) => {
    await poison({ store, audit: AUDIT, clock: systemClock }, key, party, abort, sid);
    key.wipe(party);
  });
  const honest = async (): Promise<void> => undefined;
  const peer: Key = {
    role: 'poster',
    ref,
    record: records[1],
    ctx: contextOf(records[1]),
    address: addressOf(records[1].publicKey),
    pairs: new Pairs({ poison: honest }),
    pair: () => theirs,
    wipe: () => undefined,
  };
  const stub = { demandUsable: () => undefined, evaluating: honest, evaluated: honest, releaseTest: honest } as never;
  const [one, two] = records.map(({ id }) => {
    const conversations = new Conversations(tellOf(id));
    talks.set(id, conversations);
    const own = id === 1 ? { store, ring } : { store: stub, ring: { isWhole: () => true } as never };
    return new Signer({ ...common, ...own, conversations });
  });
  const requestId = random(32);
  const [mine] = await Promise.allSettled([one!.test(ring.at(ref), [1, 2], requestId), two!.test(peer, [1, 2], requestId)]);
  await store.close();

  const again = await NodeStore.open(options);
  const { status, file } = again.epoch(ref).pairs.get(2)!;
  const found = { status, isErased: file === undefined, poisonings: again.poisonings.length, crashes: again.suspicions.length };
  const released = (await again.released()).length;
  await again.close();
  return { code: mine.status === 'fulfilled' ? 'signed' : (mine.reason as Problem).code, found, released };
}

const WHOLE = { status: 'ACTIVE', isErased: false, poisonings: 0, crashes: 0 };
const POISONED = { status: 'POISONED', isErased: true, poisonings: 1, crashes: 0 };

describe('what a changed message leaves on the disk of a signer', function () {
  this.timeout(120_000);
  after(clearHomes);

  it('T-04 nothing but the release where nothing is changed', async () => {
    assert.deepEqual(await signed(1, (message) => message), { code: 'signed', found: WHOLE, released: 1 });
  });

  for (const { name, round, at, bytes: length, code } of SIGNING_FIELDS) {
    const isPoison = EFFECTS[code] === 'poison-pair';
    it(`T-04 ${isPoison ? 'POISON, and no secret of the pair,' : 'no POISON'} after another ${name} in round ${round}; and no POISON after one cut short`, async () => {
      const another = (message: Uint8Array): Uint8Array => {
        const changed = Uint8Array.from(message);
        // A bit flipped, which makes another point of none.
        if (length === 65) changed.set(SOME_POINT, at);
        else changed[at + length - 1]! ^= 1;
        return changed;
      };
      // What no check of section 7 finds before the last message leaves has been released, and stays counted.
      assert.deepEqual(await signed(round, another), { code, found: isPoison ? POISONED : WHOLE, released: code === 'mpc/invalid-signature' ? 1 : 0 });
      const cut = await signed(round, (message) => concat(message.subarray(0, at), message.subarray(at + 1)));
      assert.deepEqual(cut, { code: 'mpc/malformed-message', found: WHOLE, released: round === 3 ? 1 : 0 });
    });
  }

  it('T-04 no POISON for a slot that is another, or cut short: the session is another, or none', async () => {
    for (const at of [0, 31, 32, 63]) {
      const { code, ...left } = await signed(0, (slot) => Uint8Array.from(slot, (byte, i) => (i === at ? byte ^ 1 : byte)));
      // Whoever sees it first ends the session for both.
      assert.ok(['mpc/session-differs', 'session/ended-by-peer'].includes(code), code);
      assert.deepEqual(left, { found: WHOLE, released: 0 });
    }
    assert.deepEqual(await signed(0, (slot) => slot.subarray(1)), { code: 'mpc/malformed-message', found: WHOLE, released: 0 });
  });
});
