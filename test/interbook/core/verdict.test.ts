import assert from 'node:assert/strict';
import { RECEIVER_STATES, SENDER_STATES, verdictOf, type ReceiverState, type SenderState, type Step } from '#interbook/core';

/** The next step, the ending, or `!` where the journals contradict each other: for each state of the sender, the receiver's in the order of the first line. */
const TABLE = `
            absent        unfit         refused       held          stuck            stranded      posted      suspended   voided        foreign
  absent    holdSender    holdSender    holdSender    !             !                !             !           !           holdSender    !
  refused   refused       refused       refused       voidReceiver  voidReceiver     voidReceiver  !           !           refused       !
  held      holdReceiver  voidSender    voidSender    postSender    voidSender       voidSender    !           !           voidSender    !
  stuck     voidSender    voidSender    voidSender    voidSender    voidSender       voidSender    !           !           voidSender    !
  posted    !             !             !             postReceiver  suspendReceiver  !             posted      suspended   !             !
  voided    returned      returned      returned      voidReceiver  voidReceiver     voidReceiver  !           !           returned      !
  expired   expired       expired       expired       voidReceiver  voidReceiver     voidReceiver  !           !           expired       !
  foreign   !             !             !             !             !                !             !           !           !             !
`;

function wordOf(sender: SenderState, receiver: ReceiverState): string {
  const verdict = verdictOf(sender, receiver);
  if (verdict.kind === 'step') return verdict.step;
  return verdict.kind === 'end' ? verdict.ending : '!';
}

describe('the next step of a transfer between books', () => {
  it('is what the table says, for every pair of states', () => {
    const [head, ...rows] = TABLE.trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
    assert.deepEqual(head, [...RECEIVER_STATES]);
    assert.deepEqual(
      rows.map(([sender]) => sender),
      [...SENDER_STATES],
    );
    for (const [sender, ...cells] of rows)
      assert.deepEqual(
        RECEIVER_STATES.map((receiver) => wordOf(sender as SenderState, receiver)),
        cells,
        sender,
      );
  });

  it('is named in words where the journals contradict each other', () => {
    const verdict = verdictOf('posted', 'voided');
    assert.equal(verdict.kind === 'contradiction' && verdict.what, "the sender's book has posted it, the receiver's voided it");
  });
});

/** Where two books stand, and every step that some coordinator, from what it read then or before, may still ask for, at any time and any number of times. */
interface World {
  readonly sender: SenderState;
  readonly receiver: ReceiverState;
  /** States that the sender's side was in: whoever read one then may read the receiver's only now. */
  readonly past: ReadonlySet<SenderState>;
  readonly asked: ReadonlySet<Step>;
}

/** What a book can make of a step: more than one answer where an account may be closed, or short of money, by then. */
const SENDER_EFFECTS: Readonly<Partial<Record<Step, Readonly<Partial<Record<SenderState, readonly SenderState[]>>>>>> = {
  holdSender: { absent: ['held', 'refused'] },
  postSender: { held: ['posted', 'stuck'] },
  voidSender: { held: ['voided'], stuck: ['voided'] },
};
const RECEIVER_EFFECTS: Readonly<Partial<Record<Step, Readonly<Partial<Record<ReceiverState, readonly ReceiverState[]>>>>>> = {
  holdReceiver: { absent: ['held', 'refused'] },
  postReceiver: { held: ['posted', 'stuck'] },
  voidReceiver: { held: ['voided'], stuck: ['voided'] },
  suspendReceiver: { stuck: ['suspended'] },
};

function after({ sender, receiver, past, asked }: World, step: Step): World[] {
  const senders = SENDER_EFFECTS[step]?.[sender] ?? [];
  const receivers = RECEIVER_EFFECTS[step]?.[receiver] ?? [];
  return [...senders.map((next) => ({ sender: next, receiver, past, asked })), ...receivers.map((next) => ({ sender, receiver: next, past, asked }))];
}

/** The world with what is read and decided in it added to what may be asked for from now on. */
function looked(world: World): World {
  const past = new Set([...world.past, world.sender]);
  const verdicts = [...past].map((sender) => verdictOf(sender, world.receiver));
  const asked = new Set([...world.asked, ...verdicts.flatMap((verdict) => (verdict.kind === 'step' ? [verdict.step] : []))]);
  return { ...world, past, asked };
}

function keyOf({ sender, receiver, past, asked }: World): string {
  return [sender, receiver, [...past].sort(), [...asked].sort()].join(' ');
}

/** Every world that any order of coordinators, crashes, delays, retries, expiries and closed accounts leads to. */
function explore(): World[] {
  const found = new Map<string, World>();
  const queue: World[] = [];
  const reach = (world: World): void => {
    const next = looked(world);
    if (found.has(keyOf(next))) return;
    found.set(keyOf(next), next);
    queue.push(next);
  };
  for (const receiver of ['absent', 'unfit'] as const) reach({ sender: 'absent', receiver, past: new Set(), asked: new Set() });
  for (let world = queue.pop(); world; world = queue.pop()) {
    for (const step of world.asked) after(world, step).forEach(reach);
    if (world.sender === 'held' || world.sender === 'stuck') reach({ ...world, sender: 'expired' });
    if (world.receiver === 'unfit') reach({ ...world, receiver: 'absent' });
  }
  return [...found.values()];
}

describe('all coordinators, crashes and expiries that there can be', () => {
  const worlds = explore();

  it('never bring two books to a contradiction: one never pays without the other', () => {
    assert.ok(worlds.length > 30, `${worlds.length} worlds`);
    const bad = worlds.filter(({ sender, receiver }) => verdictOf(sender, receiver).kind === 'contradiction');
    assert.deepEqual(bad.map(keyOf), []);
    const paid = worlds.filter(({ sender }) => sender === 'posted');
    assert.deepEqual([...new Set(paid.map(({ receiver }) => receiver))].sort(), ['held', 'posted', 'stuck', 'suspended']);
  });

  it('never take a decision back: what has ended one way ends no other way', () => {
    for (const world of worlds) {
      const verdict = verdictOf(world.sender, world.receiver);
      if (verdict.kind !== 'end') continue;
      for (const step of world.asked)
        for (const next of after(world, step)) {
          assert.equal(next.sender, world.sender, `${step} after ${verdict.ending}`);
          assert.ok(!['posted', 'suspended'].includes(next.receiver) || next.receiver === world.receiver, `${step} after ${verdict.ending}`);
        }
    }
  });

  it('leave nothing that one coordinator cannot finish alone in seven steps', () => {
    for (const start of worlds) {
      let ends: World[] = [start];
      for (let steps = 0; steps < 7; steps++)
        ends = ends.flatMap((world) => {
          const verdict = verdictOf(world.sender, world.receiver);
          return verdict.kind === 'step' ? after(world, verdict.step) : [world];
        });
      assert.ok(ends.length > 0 && ends.every(({ sender, receiver }) => verdictOf(sender, receiver).kind === 'end'), keyOf(start));
    }
  });
});
