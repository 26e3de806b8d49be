import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { concat, fromHex, Problem, toHex, utf8, type Hex, type ProblemCode } from '#base';
import { partyId, type PartyId } from '#mpc/protocol';
import { CONVERSATION_LIMITS, Conversations, END, SAY, type ConversationLimits } from '../../../../mpc/node/session/conversations.ts';

const [TWO, THREE] = [partyId(2, 3), partyId(3, 3)];
const PATIENT_MS = 10_000;

function problem(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

function freshId(): Hex {
  return toHex(randomBytes(32));
}

interface Told {
  readonly to: PartyId;
  readonly method: string;
  readonly payload: Uint8Array;
}

/** Party 1 and what it tells the others. */
function partyOne(limits: ConversationLimits = CONVERSATION_LIMITS) {
  const told: Told[] = [];
  const conversations = new Conversations(async (to, method, payload) => void told.push({ to, method, payload }), limits);
  const say = (id: Hex, from: PartyId, round: number, message: Uint8Array): void =>
    conversations.said(from, concat(fromHex(id), Uint8Array.of(round), message));
  return { told, conversations, say };
}

describe('conversations', () => {
  it('bring every peer’s message of a round, whoever was first, also those that came before the opening', async () => {
    const { conversations, say } = partyOne();
    const id = freshId();
    say(id, TWO, 0, utf8('early'));
    const conversation = conversations.open(id, [TWO, THREE], 3);
    const waiting = conversation.gather(0, PATIENT_MS);
    say(id, THREE, 0, utf8('late'));
    assert.deepEqual([...(await waiting)].map(([from, bytes]) => [from, Buffer.from(bytes).toString()]), [[2, 'early'], [3, 'late']]); // prettier-ignore
    say(id, TWO, 2, utf8('quick'));
    await assert.rejects(conversation.gather(1, 0), problem('session/timed-out'));
  });

  it('take the same bytes again, and end at two different messages for one round, by the sender’s fault', async () => {
    const { conversations, say, told } = partyOne();
    const id = freshId();
    const conversation = conversations.open(id, [TWO, THREE], 2);
    say(id, TWO, 0, utf8('a'));
    say(id, TWO, 0, utf8('a'));
    assert.equal(conversation.signal.aborted, false);
    assert.throws(() => say(id, TWO, 0, utf8('b')), (error: unknown) => problem('mpc/equivocation')(error) && (error as Problem).facts['culprit'] === 2); // prettier-ignore
    await assert.rejects(conversation.gather(0, PATIENT_MS), problem('mpc/equivocation'));
    assert.deepEqual(told.map(({ to, method, payload }) => [to, method, Buffer.from(payload.subarray(32)).toString()]), [[2, END, 'mpc/equivocation'], [3, END, 'mpc/equivocation']]); // prettier-ignore
  });

  it('end at two different messages that were both left before the opening', async () => {
    const { conversations, say } = partyOne();
    const id = freshId();
    say(id, TWO, 0, utf8('a'));
    say(id, TWO, 0, utf8('b'));
    await assert.rejects(conversations.open(id, [TWO], 1).gather(0, PATIENT_MS), problem('mpc/equivocation'));
  });

  it('hear nobody who has no part, and no round that there is not', async () => {
    const { conversations, say } = partyOne();
    const id = freshId();
    const conversation = conversations.open(id, [TWO], 2);
    assert.throws(() => say(id, THREE, 0, utf8('me too')), problem('mpc/malformed-message'));
    assert.throws(() => say(id, TWO, 2, utf8('a round more')), problem('mpc/malformed-message'));
    assert.throws(() => conversations.said(TWO, fromHex(id)), problem('mpc/malformed-message'));
    conversations.ended(THREE, concat(fromHex(id), utf8('no')));
    assert.equal(conversation.signal.aborted, false);
  });

  it('are held once: neither while one runs nor after it is over is there a second', () => {
    const { conversations, say } = partyOne();
    const id = freshId();
    const conversation = conversations.open(id, [TWO], 2);
    assert.throws(() => conversations.open(id, [TWO], 2), problem('session/started-before'));
    conversation.end();
    assert.throws(() => conversations.open(id, [TWO], 2), problem('session/started-before'));
    say(id, TWO, 1, utf8('late'));
    assert.ok(conversations.wasHeld(id));
  });

  it('end with the peer’s reason, with the channel’s, and in their own time', async () => {
    const { conversations } = partyOne();
    const first = conversations.open(freshId(), [TWO], 2);
    conversations.ended(TWO, concat(fromHex(first.id), utf8('mpc/session-differs')));
    await assert.rejects(first.gather(0, PATIENT_MS), (error: unknown) => problem('session/ended-by-peer')(error) && (error as Problem).facts['code'] === 'mpc/session-differs'); // prettier-ignore

    const lost = new Conversations(async () => {
      throw new Problem('wire/unreachable', 'It is down.');
    });
    const second = lost.open(freshId(), [TWO], 2);
    second.send(TWO, 0, utf8('hello'));
    await assert.rejects(second.gather(0, PATIENT_MS), problem('wire/unreachable'));

    const third = conversations.open(freshId(), [TWO, THREE], 2);
    await assert.rejects(third.gather(0, 1), (error: unknown) => problem('session/timed-out')(error) && String((error as Problem).facts['silent']) === '2,3'); // prettier-ignore
  });

  it('say nothing more after their end', async () => {
    const { conversations, told } = partyOne();
    const conversation = conversations.open(freshId(), [TWO], 2);
    conversation.send(TWO, 0, utf8('a'));
    conversation.end();
    conversation.send(TWO, 1, utf8('b'));
    assert.deepEqual(told.map(({ method }) => method), [SAY]); // prettier-ignore
  });

  it('keep a bounded amount of what a peer leaves early, and a flood pushes out only its own', async () => {
    const { conversations, say } = partyOne({ ...CONVERSATION_LIMITS, maxEarlyMessagesPerPeer: 4, maxEarlyBytesPerPeer: 1_000 });
    const honest = freshId();
    say(honest, THREE, 0, utf8('kept'));
    const flood = Array.from({ length: 20 }, freshId);
    for (const id of flood) say(id, TWO, 0, utf8('flood'));
    assert.equal((await conversations.open(honest, [THREE], 1).gather(0, PATIENT_MS)).size, 1);
    assert.equal((await conversations.open(flood[19]!, [TWO], 1).gather(0, PATIENT_MS)).size, 1);
    await assert.rejects(conversations.open(flood[15]!, [TWO], 1).gather(0, 0), problem('session/timed-out'));
    const large = freshId();
    say(large, TWO, 0, new Uint8Array(2_000));
    await assert.rejects(conversations.open(large, [TWO], 1).gather(0, 0), problem('session/timed-out'));
  });
});
