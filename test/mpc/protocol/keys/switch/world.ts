/**
 * A small world for the two-phase switch: a few honest parties with disks, a network that loses, delays and repeats anything, parties that lie, and a crash between any two duties. `explore` visits
 * every state there is, so what holds in all of them needs no luck in choosing an order.
 */
import {
  allParties,
  confirm,
  doneDigest,
  drop,
  erased,
  gathered,
  prepared,
  received,
  resume,
  watched,
  type Duty,
  type Epoch,
  type Epochs,
  type PartyId,
  type Turn,
} from '#mpc/protocol';
import { encodeBundle, confirmationMessage, type Verify } from '../../../../../mpc/protocol/keys/switch/confirmation.ts';
import { concat } from '#base';

/** Signatures of the model: who, and over what. */
export function signatureOf(identity: Uint8Array, epoch: Epoch): Uint8Array {
  return concat(identity, doneDigest(epoch));
}

export const verify: Verify = (_party, identity, digest, signature) => Buffer.compare(signature, concat(identity, digest)) === 0;

/** An epoch under a short name, and which node is which of its parties; what is absent there is a liar or somebody who has left. */
export interface Attempt {
  readonly name: string;
  readonly epoch: Epoch;
  readonly seats: Readonly<Record<string, PartyId>>;
}

interface Node {
  readonly ram: Epochs;
  readonly disk: Epochs;
  /** What has still to be done of the last turn. */
  readonly duties: readonly Duty[];
  /** Shares on the disk, by epoch. */
  readonly shares: ReadonlySet<string>;
  /** Attempts that it was in: what ran once does not run again. */
  readonly tried: ReadonlySet<string>;
}

export interface World {
  readonly nodes: Readonly<Record<string, Node>>;
  /** Everything that was ever sent: "confirmation A 2", "bundle A". */
  readonly sent: ReadonlySet<string>;
}

export interface Rules {
  readonly attempts: readonly Attempt[];
  /** Nodes that leave with an attempt, and watch for its bundle. */
  readonly leaving?: Readonly<Record<string, readonly string[]>>;
  /** A wrong rule in the place of the right one, to see that the exploration finds what it breaks. */
  readonly spoil?: (turn: Turn, event: string) => Turn;
  readonly dropsConfirmed?: true;
}

export class Exploration {
  readonly #rules: Rules;
  readonly #names = new Map<string, Attempt>();
  /** The pure functions are run once for every state of one node and event. */
  readonly #turns = new Map<string, Turn>();
  readonly #keys = new WeakMap<Epochs, string>();
  readonly #nodes = new WeakMap<Node, string>();
  readonly #sets = new WeakMap<ReadonlySet<string>, string>();

  constructor(rules: Rules) {
    this.#rules = rules;
    for (const attempt of rules.attempts) this.#names.set(hex(attempt.epoch.epochId), attempt);
  }

  /** Everybody idle, with the share of each epoch that its state counts on; `sent` is out already. */
  start(holders: Readonly<Record<string, Epochs>>, sent: readonly string[] = []): World {
    const nodes = Object.fromEntries(
      Object.entries(holders).map(([node, state]) => {
        const held = [...(state.active ? [state.active] : []), ...state.waiting].map(({ epoch }) => this.#nameOf(epoch.epochId));
        return [node, { ram: state, disk: state, duties: [], shares: new Set(held), tried: new Set(held) }];
      }),
    );
    return { nodes, sent: new Set(sent) };
  }

  #nameOf(epochId: Uint8Array): string {
    return this.#rules.attempts.find(({ epoch }) => epoch.epochId === epochId)?.name ?? this.#names.get(hex(epochId))!.name;
  }

  #keyOfState(state: Epochs): string {
    return cached(this.#keys, state, () => this.#spelled(state));
  }

  #spelled({ active, waiting, erasing, left }: Epochs): string {
    const waits = waiting.map(
      ({ epoch, confirmed, signatures }) => `${this.#nameOf(epoch.epochId)}${confirmed ? '!' : '?'}${[...signatures.keys()].sort((a, b) => a - b).join('')}`,
    );
    return `${active ? this.#nameOf(active.epoch.epochId) : '-'}${active?.signatures ? '*' : ''} ${waits.sort().join(',')} x${erasing.map((id) => this.#nameOf(id)).join('')} ${left ? 'left' : ''}`;
  }

  #keyOfDuty(duty: Duty): string {
    if (duty.kind === 'write') return 'w';
    if (duty.kind === 'erase') return `e${this.#nameOf(duty.epochId)}`;
    return `${duty.kind === 'send-bundle' ? 'b' : 'c'}${this.#nameOf(duty.epoch.epochId)}`;
  }

  keyOf({ nodes, sent }: World): string {
    const parts = Object.values(nodes).map((node) => cached(this.#nodes, node, () => this.#keyOfNode(node)));
    return `${parts.join('\n')}\n${cached(this.#sets, sent, () => [...sent].sort().join())}`;
  }

  #keyOfNode({ ram, disk, duties, shares, tried }: Node): string {
    const states = `${this.#keyOfState(ram)}|${disk === ram ? '' : this.#keyOfState(disk)}`;
    return `${states}|${duties.map((duty) => this.#keyOfDuty(duty)).join('')}|${[...shares].sort().join('')}|${[...tried].sort().join('')}`;
  }

  #turn(node: string, state: Epochs, event: string, run: () => Turn): Turn {
    const key = `${node}/${this.#keyOfState(state)}/${event}`;
    const known = this.#turns.get(key);
    if (known) return known;
    const turn = this.#rules.spoil?.(run(), event) ?? run();
    this.#turns.set(key, turn);
    return turn;
  }

  /** Everything that may happen next. */
  *moves(world: World): Generator<World> {
    for (const [name, node] of Object.entries(world.nodes)) {
      const put = (changed: Partial<Node>, sent: ReadonlySet<string> = world.sent): World => ({
        nodes: { ...world.nodes, [name]: { ...node, ...changed } },
        sent,
      });
      if (node.duties.length > 0) {
        yield this.#done(world, name, put);
        const again = this.#turn(name, node.disk, 'resume', () => resume(node.disk));
        yield put({ ram: node.disk, duties: this.#news(again.duties, name, world.sent) });
        continue;
      }
      for (const { event, run, changed } of this.#events(world, name, node)) {
        const { state, duties } = this.#turn(name, node.ram, event, run);
        yield put({ ...changed, ram: state, duties: this.#news(duties, name, world.sent) });
      }
    }
  }

  #done(world: World, name: string, put: (changed: Partial<Node>, sent?: ReadonlySet<string>) => World): World {
    const node = world.nodes[name]!;
    const [duty, ...rest] = node.duties;
    if (duty!.kind === 'write') return put({ disk: node.ram, duties: rest });
    if (duty!.kind === 'erase') {
      const { state, duties } = this.#turn(name, node.ram, `erased ${this.#nameOf(duty!.epochId)}`, () => erased(node.ram, duty!.epochId));
      return put({ ram: state, shares: new Set([...node.shares].filter((held) => held !== this.#nameOf(duty!.epochId))), duties: [...duties, ...rest] });
    }
    return put({ duties: rest }, new Set([...world.sent, this.#messageOf(duty!, name)!]));
  }

  #messageOf(duty: Duty, name: string): string | null {
    if (duty.kind === 'write' || duty.kind === 'erase') return null;
    const what = this.#nameOf(duty.epoch.epochId);
    return duty.kind === 'send-bundle' ? `bundle ${what}` : `confirmation ${what} ${this.#names.get(hex(duty.epoch.epochId))!.seats[name]}`;
  }

  /** The duties without what was sent before: the network repeats everything anyway. */
  #news(duties: readonly Duty[], name: string, sent: ReadonlySet<string>): Duty[] {
    return duties.filter((duty) => {
      const message = this.#messageOf(duty, name);
      return message === null || !sent.has(message);
    });
  }

  *#events(world: World, name: string, { ram, tried, shares }: Node): Generator<{ event: string; run: () => Turn; changed?: Partial<Node> }> {
    for (const attempt of this.#rules.attempts) {
      const { name: what, epoch, seats } = attempt;
      const own = seats[name];
      const waiting = ram.waiting.find((other) => other.epoch === epoch);
      if (own !== undefined && !tried.has(what) && fits(ram, epoch))
        yield {
          event: `prepare ${what}`,
          run: () => prepared(ram, epoch, own, []),
          changed: { tried: new Set([...tried, what]), shares: new Set([...shares, what]) },
        };
      if (this.#rules.leaving?.[what]?.includes(name) && !tried.has(what) && fits(ram, epoch))
        yield { event: `watch ${what}`, run: () => watched(ram, epoch), changed: { tried: new Set([...tried, what]) } };
      if (!waiting) continue;
      if (own !== undefined && !waiting.confirmed)
        yield { event: `confirm ${what}`, run: () => confirm(ram, epoch.epochId, signatureOf(epoch.identities[own - 1]!, epoch), verify) };
      if (!waiting.confirmed) yield { event: `drop ${what}`, run: () => drop(ram, epoch.epochId) };
      else if (this.#rules.dropsConfirmed) {
        const unconfirmed = { ...ram, waiting: ram.waiting.map((other) => (other === waiting ? { ...other, confirmed: false } : other)) };
        yield { event: `drop ${what}`, run: () => drop(unconfirmed, epoch.epochId) };
      }
      for (const from of allParties(epoch.n))
        if (from !== own && !waiting.signatures.has(from) && this.#isOut(world, attempt, from))
          yield { event: `confirmation ${what} ${from}`, run: () => taken(received(ram, from, this.#confirmation(attempt, from), verify)) };
      if (world.sent.has(`bundle ${what}`) || allParties(epoch.n).every((from) => this.#isOut(world, attempt, from)))
        yield { event: `bundle ${what}`, run: () => taken(gathered(ram, this.#bundle(attempt), verify)) };
    }
  }

  /** A liar's confirmation may come at any time; an honest party's once it has sent it. */
  #isOut({ sent }: World, { name, seats }: Attempt, from: PartyId): boolean {
    return !Object.values(seats).includes(from) || sent.has(`confirmation ${name} ${from}`);
  }

  #confirmation({ epoch }: Attempt, from: PartyId): Uint8Array {
    return confirmationMessage(epoch, from, signatureOf(epoch.identities[from - 1]!, epoch));
  }

  #bundle({ epoch }: Attempt): Uint8Array {
    return encodeBundle({ epoch, signatures: new Map(allParties(epoch.n).map((from) => [from, signatureOf(epoch.identities[from - 1]!, epoch)])) });
  }

  /** Visits every state that can be reached; the first one that `isGood` is false of is returned. */
  explore(start: World, isGood: (world: World) => boolean): { readonly states: number; readonly bad: World | null } {
    const seen = new Set([this.keyOf(start)]);
    const queue = [start];
    for (let world = queue.pop(); world; world = queue.pop()) {
      if (!isGood(world)) return { states: seen.size, bad: world };
      for (const next of this.moves(world)) {
        const key = this.keyOf(next);
        if (seen.has(key)) continue;
        seen.add(key);
        queue.push(next);
      }
    }
    return { states: seen.size, bad: null };
  }

  /** How many honest parties hold each epoch: the share is on the disk, and the state on the disk counts on it. */
  holders({ nodes }: World): Map<string, number> {
    const held = Object.values(nodes).flatMap(({ disk, shares }) => {
      const known = [...(disk.active ? [disk.active.epoch] : []), ...disk.waiting.filter(({ own }) => own !== null).map(({ epoch }) => epoch)];
      return known.map(({ epochId }) => this.#nameOf(epochId)).filter((name) => shares.has(name));
    });
    return new Map([...Map.groupBy(held, (name) => name)].map(([name, all]) => [name, all.length]));
  }

  /** The honest parties finish what they have to do, start once more, and tell each other everything they hold, while the liars are silent; nobody begins, confirms or drops anything. */
  settled(world: World): Record<string, string> {
    let current = world;
    for (let changed = true; changed;) {
      changed = false;
      for (const name of Object.keys(current.nodes)) {
        current = this.#idle(current, name);
        const again = this.#news(this.#turn(name, current.nodes[name]!.disk, 'resume', () => resume(current.nodes[name]!.disk)).duties, name, current.sent);
        if (again.length > 0) {
          current = this.#idle({ ...current, nodes: { ...current.nodes, [name]: { ...current.nodes[name]!, duties: again } } }, name);
          changed = true;
        }
        const node = current.nodes[name]!;
        for (const { event, run } of this.#events(current, name, node)) {
          const [kind, what, from] = event.split(' ');
          const isHonest = kind === 'bundle' ? current.sent.has(`bundle ${what}`) : kind === 'confirmation' && current.sent.has(`confirmation ${what} ${from}`);
          if (!isHonest) continue;
          const { state, duties } = this.#turn(name, node.ram, event, run);
          current = this.#idle({ ...current, nodes: { ...current.nodes, [name]: { ...node, ram: state, duties } } }, name);
          changed = true;
          break;
        }
      }
    }
    return Object.fromEntries(
      Object.entries(current.nodes).map(([name, { disk }]) => [name, disk.active ? this.#nameOf(disk.active.epoch.epochId) : disk.left ? 'left' : '-']),
    );
  }

  #idle(world: World, name: string): World {
    let current = world;
    while (current.nodes[name]!.duties.length > 0) {
      const node = current.nodes[name]!;
      current = this.#done(current, name, (changed, sent = current.sent) => ({ nodes: { ...current.nodes, [name]: { ...node, ...changed } }, sent }));
    }
    return current;
  }
}

function fits({ active, waiting }: Epochs, epoch: Epoch): boolean {
  const highest = Math.max(active?.epoch.epoch ?? 0, ...waiting.filter(({ confirmed }) => confirmed).map((other) => other.epoch.epoch));
  return epoch.epoch > highest;
}

function taken(outcome: ReturnType<typeof received>): Turn {
  if (outcome.kind === 'abort') throw outcome.abort.problem;
  return outcome;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function cached<Key extends object>(known: WeakMap<Key, string>, key: Key, spell: () => string): string {
  const before = known.get(key);
  if (before !== undefined) return before;
  const spelled = spell();
  known.set(key, spelled);
  return spelled;
}
