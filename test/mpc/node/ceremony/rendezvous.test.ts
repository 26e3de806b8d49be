import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { Problem } from '#base';
import { partyId, type PartyId } from '#mpc/protocol';
import { identityOf } from '#mpc/node/wire';
import type { Group, Peer } from '../../../../mpc/node/ceremony/peers.ts';
import { Rendezvous } from '../../../../mpc/node/ceremony/rendezvous.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const PATIENCE_MS = 10_000;

/** Parties 1 to n whose calls go straight to each other; a party can be put away and replaced, as by a restart. */
function parties(n: number): {
  readonly ids: readonly PartyId[];
  readonly at: Map<PartyId, Rendezvous>;
  readonly asked: { count: number };
  readonly restart: (id: PartyId) => void;
} {
  const ids = Array.from({ length: n }, (_, i) => partyId(i + 1, n));
  const at = new Map<PartyId, Rendezvous>();
  const asked = { count: 0 };
  const groupOf = (own: PartyId): Group => ({
    own,
    identity: identityOf(random(32)),
    threshold: 2,
    peers: new Map(
      ids
        .filter((id) => id !== own)
        .map((id): [PartyId, Peer] => [
          id,
          {
            id,
            fingerprint: '' as never,
            publicKey: new Uint8Array(),
            link: { close: () => undefined, call: async (_method, payload) => (asked.count++, at.get(id)!.asked(own, payload)) },
          },
        ]),
    ),
  });
  const restart = (id: PartyId): void => void at.set(id, new Rendezvous(groupOf(id), random));
  ids.forEach(restart);
  return { ids, at, asked, restart };
}

function others(ids: readonly PartyId[], own: PartyId): PartyId[] {
  return ids.filter((id) => id !== own);
}

describe('a rendezvous', () => {
  it('of two is not spoiled by a third, who knows what it is about and names a number above all', async () => {
    const { at } = parties(3);
    const [one, two, three] = [1, 2, 3].map((id) => partyId(id, 3)) as [PartyId, PartyId, PartyId];
    const meeting = { facts: 'repair of 1 and 2', atLeast: 1, atMost: 10 };
    const first = at.get(one)!.meet({ ...meeting, with: [two] }, PATIENCE_MS);
    await at
      .get(three)!
      .meet({ ...meeting, atLeast: 4_000_000_000, with: [one] }, 300)
      .catch(() => undefined);
    const both = await Promise.all([first, at.get(two)!.meet({ ...meeting, with: [one] }, PATIENCE_MS)]);
    assert.deepEqual(both[0], both[1]);
    assert.equal(both[0].number, 1);
  });

  it('begins when all are there, in whatever order they come, under one new id and the highest number', async () => {
    const { ids, at } = parties(3);
    const meet = (facts: string) => Promise.all(ids.map((id, i) => at.get(id)!.meet({ facts, with: others(ids, id), atLeast: 5 - i, atMost: 9 }, PATIENCE_MS)));
    const [first, second] = [await meet('refresh'), await meet('refresh')];
    for (const met of [first, second]) assert.equal(new Set(met.map(({ id, number }) => `${id} ${number}`)).size, 1);
    assert.equal(first[0]!.number, 5);
    assert.notEqual(first[0]!.id, second[0]!.id);
  });

  it('is not held by nodes that were told different things', async () => {
    const { ids, at } = parties(2);
    const both = ids.map((id, i) => at.get(id)!.meet({ facts: `t = ${i}`, with: others(ids, id), atLeast: 1, atMost: 9 }, 1));
    for (const met of both) await assert.rejects(met, (error: unknown) => error instanceof Problem && error.code === 'session/wrong-ceremony');
  });

  it('does not begin for one who comes back after the others have gone on: he waits for the next one', async () => {
    const { ids, at, asked, restart } = parties(3);
    const facts = 'refresh';
    const first = await Promise.all(ids.map((id) => at.get(id)!.meet({ facts, with: others(ids, id), atLeast: 1, atMost: 9 }, PATIENCE_MS)));
    const last = ids[2]!;
    restart(last);
    let hasMet = false;
    const again = at.get(last)!.meet({ facts, with: others(ids, last), atLeast: 1, atMost: 9 }, PATIENCE_MS);
    void again.then(() => (hasMet = true));
    // Several of its questions were answered by those who are still there from the last meeting.
    const before = asked.count;
    while (asked.count < before + 6) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(hasMet, false);
    const second = await Promise.all([
      again,
      ...ids.slice(0, 2).map((id) => at.get(id)!.meet({ facts, with: others(ids, id), atLeast: 1, atMost: 9 }, PATIENCE_MS)),
    ]);
    assert.equal(new Set(second.map(({ id }) => id)).size, 1);
    assert.notEqual(second[0].id, first[0]!.id);
  });

  it('is waited for once at a time, and refuses what is no question', async () => {
    const { ids, at } = parties(2);
    const waiting = at.get(ids[0]!)!.meet({ facts: 'x', with: [ids[1]!], atLeast: 1, atMost: 9 }, 50);
    await assert.rejects(at.get(ids[0]!)!.meet({ facts: 'x', with: [ids[1]!], atLeast: 1, atMost: 9 }, 50), /wrong-ceremony/);
    await assert.rejects(waiting, /wrong-ceremony/);
    assert.throws(() => at.get(ids[0]!)!.asked(ids[1]!, random(5)), /mpc\/malformed-message/);
    assert.deepEqual(at.get(ids[0]!)!.asked(ids[1]!, random(68)), new Uint8Array());
  });

  it('that is not wanted any more ends unmet, and the one beside it is met', async () => {
    const { ids, at } = parties(2);
    const unwanted = new AbortController();
    const meeting = { with: [ids[1]!], atLeast: 1, atMost: 9 };
    const left = at.get(ids[0]!)!.meet({ facts: 'epoch 2', ...meeting }, PATIENCE_MS, unwanted.signal);
    const both = [at.get(ids[0]!)!.meet({ facts: 'epoch 1', ...meeting }, PATIENCE_MS), at.get(ids[1]!)!.meet({ facts: 'epoch 1', ...meeting, with: [ids[0]!] }, PATIENCE_MS)]; // prettier-ignore
    assert.equal(new Set((await Promise.all(both)).map(({ id }) => id)).size, 1);
    unwanted.abort();
    await assert.rejects(left, /wrong-ceremony/);
  });

  /** What three parties of which two sign name and take, in id order; at whose place the meeting is looked at. */
  async function meetNaming(named: readonly (readonly [atLeast: number, atMost: number, witnesses?: number])[], looking: number): Promise<number> {
    const { ids, at } = parties(3);
    const all = await Promise.allSettled(
      ids.map((id, i) => {
        const [atLeast, atMost, witnesses] = named[i]!;
        return at.get(id)!.meet({ facts: 'reshare', with: others(ids, id), atLeast, atMost, witnesses }, 2_000);
      }),
    );
    const seen = all[looking]!;
    if (seen.status === 'rejected') throw seen.reason as Problem;
    return seen.value.number;
  }
  const STEP = 2 ** 16;
  /** Epoch 7 is in use. Two confirmed an attempt at the highest number that somebody could name for the next one, and go on above it. */
  const next = 8;
  const high = [next + STEP + 1, next + 2 * STEP + 1] as const;

  it('of one who joins, or came back from a backup, with two who confirmed the most that a liar could name, is held', async () => {
    const low = [next, next + STEP, 2] as const;
    assert.equal(await meetNaming([high, high, low], 2), high[0]);
    // One alone confirmed it, and the third has not seen it either.
    assert.equal(await meetNaming([low, high, low], 0), high[0]);
  });

  it('is spoiled by nobody who names a number above what an honest party can, also at one who has seen no number himself', async () => {
    const low = [next, next + STEP, 2] as const;
    for (const far of [2 ** 32 - 1, high[0] + STEP + 2]) {
      const liar = [far, 2 ** 32 - 1] as const;
      await assert.rejects(meetNaming([low, high, liar], 0), (error: unknown) => error instanceof Problem && error.code === 'mpc/malformed-message' && error.facts['culprit'] === 3); // prettier-ignore
      await assert.rejects(meetNaming([high, low, liar], 0), /mpc\/malformed-message/);
    }
  });

  it('does not begin where a party names a number above all that it can name honestly, whoever asks first', async () => {
    for (const liar of [0, 1]) {
      const { ids, at } = parties(2);
      const numbers = (i: number) => (i === liar ? { atLeast: 2 ** 32 - 1, atMost: 2 ** 32 - 1 } : { atLeast: 1, atMost: 65_537 });
      const both = await Promise.allSettled(ids.map((id, i) => at.get(id)!.meet({ facts: 'refresh', with: others(ids, id), ...numbers(i) }, 500)));
      const honest = both[1 - liar]!;
      assert.ok(honest.status === 'rejected' && honest.reason instanceof Problem);
      assert.deepEqual([honest.reason.code, honest.reason.facts['culprit'], honest.reason.facts['effect']], ['mpc/malformed-message', ids[liar], 'count']);
    }
  });
});
