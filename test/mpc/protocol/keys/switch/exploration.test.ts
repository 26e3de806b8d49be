import assert from 'node:assert/strict';
import { allParties, anchorOf, confirm, NO_EPOCHS, prepared, publicPart, type Epoch, type Epochs, type PartyId } from '#mpc/protocol';
import { recordsOf, runDkg, runRefresh, runReshare } from '../../support/ceremony.ts';
import { random } from '../../support/dealer.ts';
import { Exploration, signatureOf, verify, type Attempt, type Rules, type World } from './world.ts';

const P = (id: number): PartyId => id as PartyId;
const T = 2;

const old = recordsOf(runDkg(2, 3));
const e = publicPart(old[0]!);
const refreshed = (next: number): Epoch => publicPart(recordsOf(runRefresh(old, { next }))[0]!);
const [A, B] = [refreshed(2), refreshed(3)];
const reshared = (identities: readonly Uint8Array[], epoch: number): Epoch =>
  publicPart(recordsOf(runReshare(old, { anchor: anchorOf(old[0]!), dealers: [P(1), P(2)], next: { t: 2, n: identities.length, identities }, epoch }))[0]!);
const ALL = { 1: P(1), 2: P(2), 3: P(3) };
/** Party 3 lies. */
const TWO = { 1: P(1), 2: P(2) };
const START: Attempt = { name: 'e', epoch: e, seats: ALL };

function active(own: number): Epochs {
  return { ...NO_EPOCHS, active: { epoch: e, own: P(own), signatures: new Map(allParties(3).map((id) => [id, signatureOf(e.identities[id - 1]!, e)])) } };
}

function holding(...nodes: number[]): Record<string, Epochs> {
  return Object.fromEntries(nodes.map((node) => [node, active(node)]));
}

/** Both honest parties have confirmed A, and have nothing of party 3. */
function hanging(): Record<string, Epochs> {
  return Object.fromEntries(
    [1, 2].map((own) => [own, confirm(prepared(active(own), A, P(own), []).state, A.epochId, signatureOf(A.identities[own - 1]!, A), verify).state]),
  );
}

const HANGS = ['confirmation A 1', 'confirmation A 2'];

function run(rules: Rules, holders: Record<string, Epochs>, sent: readonly string[] = []): { readonly states: number; readonly bad: World | null } {
  const exploration = new Exploration(rules);
  return exploration.explore(exploration.start(holders, sent), (world) => {
    if (![...exploration.holders(world).values()].some((count) => count >= T)) return false;
    // Once the honest parties have told each other what they hold, enough of them sign in one and the same epoch.
    if (Object.values(world.nodes).some(({ duties }) => duties.length > 0)) return true;
    const actives = Object.values(exploration.settled(world));
    return [...Map.groupBy(actives, (name) => name)].some(([name, all]) => name !== '-' && name !== 'left' && all.length >= T);
  });
}

function assertAlive({ states, bad }: { readonly states: number; readonly bad: World | null }, atLeast: number): void {
  assert.equal(bad, null);
  assert.ok(states > atLeast, `${states} states`);
}

describe('the switch of epochs, in every order of losses, delays, lies and crashes', () => {
  it('T-12 one refresh leaves an epoch that two parties can sign in, whether all three are honest or one lies', () => {
    assertAlive(run({ attempts: [START, { name: 'A', epoch: A, seats: ALL }] }, holding(1, 2, 3)), 10_000);
    assertAlive(run({ attempts: [START, { name: 'A', epoch: A, seats: TWO }] }, holding(1, 2)), 500);
  }).timeout(120_000);

  it('T-12 so does a second refresh, begun because the third party withholds its confirmation of the first from one or from both', () => {
    const attempts = [START, { name: 'A', epoch: A, seats: TWO }, { name: 'B', epoch: B, seats: TWO }];
    assertAlive(run({ attempts }, hanging(), HANGS), 500);
  }).timeout(120_000);

  it('T-12 so do two refreshes side by side that took the same number, of which the third party confirms either, both or neither', () => {
    const same = refreshed(2);
    const attempts = [START, { name: 'A', epoch: A, seats: TWO }, { name: 'B', epoch: same, seats: TWO }];
    const both = [1, 2].map((own) => {
      const stored = prepared(prepared(active(own), A, P(own), []).state, same, P(own), []).state;
      return [own, confirm(stored, A.epochId, signatureOf(A.identities[own - 1]!, A), verify).state];
    });
    assertAlive(run({ attempts }, Object.fromEntries(both), HANGS), 500);
  }).timeout(120_000);

  it('T-12 so does a reshare that puts the withholding party out while its refresh still hangs', () => {
    const R = reshared([e.identities[0]!, e.identities[1]!, random(32)], 3);
    const attempts = [START, { name: 'A', epoch: A, seats: TWO }, { name: 'R', epoch: R, seats: { 1: P(1), 2: P(2) } }];
    assertAlive(run({ attempts }, hanging(), HANGS), 500);
  }).timeout(120_000);

  it('T-12 so does a reshare to wholly other parties', () => {
    const R = reshared([random(32), random(32)], 2);
    const rules: Rules = { attempts: [START, { name: 'R', epoch: R, seats: { 4: P(1), 5: P(2) } }], leaving: { R: ['1', '2'] } };
    assertAlive(run(rules, { ...holding(1, 2), 4: NO_EPOCHS, 5: NO_EPOCHS }), 500);
  }).timeout(120_000);

  it('T-12 the naive rule, by which a party drops an attempt that it had confirmed, loses the key to a party that confirms to one and not to the other', () => {
    assert.notEqual(run({ attempts: [START, { name: 'A', epoch: A, seats: TWO }], dropsConfirmed: true }, holding(1, 2)).bad, null);
  });

  it('finds a confirmation that is sent before it is written, an epoch erased at the own confirmation, and a promotion that forgets a later attempt', () => {
    const one: Rules['attempts'] = [START, { name: 'A', epoch: A, seats: TWO }];
    const sendsFirst: Rules['spoil'] = (made, event) =>
      event.startsWith('confirm ') ? { ...made, duties: made.duties.toSorted((a, b) => Number(a.kind === 'write') - Number(b.kind === 'write')) } : made;
    // The party that crashed between the two is told of an epoch that it has confirmed and does not hold.
    assert.throws(() => run({ attempts: one, spoil: sendsFirst }, holding(1, 2)), /mpc\/state-behind/);
    const erasesEarly: Rules['spoil'] = (made, event) =>
      event.startsWith('confirm ') ? { ...made, duties: [...made.duties, { kind: 'erase', epochId: e.epochId }] } : made;
    assert.notEqual(run({ attempts: one, spoil: erasesEarly }, holding(1, 2)).bad, null);
    const forgets: Rules['spoil'] = (made) => (made.duties.some(({ kind }) => kind === 'erase') ? { ...made, state: { ...made.state, waiting: [] } } : made);
    assert.notEqual(run({ attempts: [...one, { name: 'B', epoch: B, seats: TWO }], spoil: forgets }, hanging(), HANGS).bad, null);
  }).timeout(120_000);
});
