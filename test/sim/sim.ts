/** The door of the simulator: a book and all the world around it, from one seed. */
import { Problem, type BookId } from '#base';
import { emptyState, replay, type LedgerRecord, type Result } from '#ledger/core';
import { demand, Finding, show } from './finding.ts';
import { Judge } from './judge.ts';
import { ask, type Asked } from './model/chains.ts';
import { ModelLedger, sameRecord } from './model/ledger.ts';
import { Random } from './random.ts';
import { Roots } from './roots.ts';
import { Server } from './server/server.ts';
import { Timeline } from './timeline.ts';
import { Client } from './world/client.ts';
import { Oracle } from './world/oracle.ts';
import { FAULTS, settingsFor, type FaultKind, type Settings } from './world/settings.ts';
import { Workload } from './world/workload.ts';
import { WriterProcess, type Ground } from './world/writer.ts';

export { Finding } from './finding.ts';

const BOOK = '01890a5d-ac96-774b-bcce-b302099a8057' as BookId;
const START_MS = 1_700_000_000_000;
/** What a server or a writer may answer without being wrong: nothing that was asked has failed for ever. */
const HARMLESS = /^(store\/(unreachable|outcome-unknown|busy|disk-full|read-only)|ledger\/(fenced|book-taken|closed|overloaded))$/;
/** So many answers lie between most faults of one kind. */
const ANSWERS_BETWEEN = 100;
/** More steps than any run takes that gets on. */
const MOST_STEPS = 3_000_000;
/** How long clients may go on without an answer once nothing goes wrong any more: ten minutes. */
const PATIENCE_US = 600_000_000;

export interface Report {
  readonly seed: number;
  /** Commands that were answered by a writer. */
  readonly operations: number;
  readonly records: number;
  readonly steps: number;
  /** How often everything happened: faults, and answers by their codes. */
  readonly counts: Readonly<Record<string, number>>;
  /** Of the log over the whole journal: two runs with the same seed have the same. */
  readonly digest: string;
  readonly finding: { readonly check: string; readonly what: string; readonly step: number; readonly lately: readonly string[] } | null;
}

/** Runs one seed until so many commands have reached a writer, heals everything, and looks at all of it once more. */
export async function simulate(seed: number, operations: number): Promise<Report> {
  const world = new World(seed, operations);
  try {
    const digest = await world.run();
    return world.report(digest, null);
  } catch (error) {
    const finding =
      error instanceof Finding ? error : new Finding('no bug of our own', error instanceof Error ? (error.stack ?? error.message) : String(error));
    return world.report('', finding);
  }
}

class World {
  readonly #seed: number;
  readonly #operations: number;
  readonly #random: Random;
  readonly #settings: Settings;
  readonly #timeline = new Timeline();
  readonly #server: Server;
  readonly #model = new ModelLedger();
  readonly #judge = new Judge(this.#model);
  readonly #oracle: Oracle;
  readonly #roots: Roots;
  readonly #workload: Workload;
  readonly #ground: Ground;
  readonly #writers: WriterProcess[] = [];
  readonly #clients: Client[] = [];
  readonly #counts: Record<string, number> = {};
  readonly #lately: string[] = [];
  #asked = 0;
  readonly #lastFault = new Map<FaultKind, number>();
  #isFaulty = true;
  #isOpened = false;
  #jumpedMs = 0;
  #born = 0;
  #failure: unknown = null;

  constructor(seed: number, operations: number) {
    this.#seed = seed;
    this.#operations = operations;
    this.#random = new Random(seed);
    this.#settings = settingsFor(seed, this.#random.fork());
    this.#workload = new Workload(this.#random.fork(), this.#settings);
    this.#server = new Server(this.#timeline, this.#random.fork());
    const tables = this.#server.book(BOOK.replaceAll('-', ''));
    this.#oracle = new Oracle(this.#model, tables);
    this.#roots = new Roots(BOOK, this.#random.between(20, 300));
    const { network, clockRate, clockStepMs } = this.#settings;
    const calm = { ...network, slow: 0, lostRequest: 0, lostReply: 0, refusedStatement: 0 };
    const count = (what: string): void => this.#count(what);
    const wires = { timeline: this.#timeline, random: this.#random.fork(), server: this.#server, faults: () => (this.#isFaulty ? network : calm), count };
    const nowMs = (): number => {
      const ms = START_MS + this.#jumpedMs + Math.floor((this.#timeline.nowUs * clockRate) / 1_000);
      return ms - (ms % clockStepMs);
    };
    const onOpen = (writer: WriterProcess): void => this.#opened(writer);
    this.#ground = { wires, settings: this.#settings, bookId: BOOK, nowMs, onOpen, guard: (work) => this.#guard(work) };
    this.#server.onTake = (owner, seq, epoch) => {
      this.#count('takes');
      this.#note(`${owner} takes the book after record ${seq}, epoch ${epoch}`);
      this.#oracle.took(owner);
      const writer = this.#writers.find(({ witness }) => witness.name === owner);
      if (writer) writer.witness.taken = Number(seq);
    };
    this.#server.onEvict = (owner) => {
      this.#count('evictions');
      this.#note(`${owner} has its session ended: its lease ran out`);
    };
    this.#server.onAppend = (owner, batch) => {
      this.#note(`${owner} writes the records ${batch.firstSeq} to ${batch.lastSeq}`);
      this.#count('batches');
      const writer = this.#writers.find(({ witness }) => witness.name === owner);
      if (writer) writer.witness.written = Number(batch.lastSeq);
      this.#roots.append(this.#oracle.appended(owner, batch));
    };
  }

  async run(): Promise<string> {
    const { writers, clients } = this.#settings;
    for (let slot = 0; slot < writers; slot++) this.#start(slot);
    for (const kind of FAULTS) this.#plan(kind);
    this.#plan('due');
    const isAsking = (): boolean => this.#asked < this.#operations;
    const office = {
      timeline: this.#timeline,
      settings: this.#settings,
      workload: this.#workload,
      isFaulty: () => this.#isFaulty,
      isAsking,
      writers: () => this.#writers,
      deliver: (writer: WriterProcess, asked: Asked, reply: (outcome: readonly Result[] | Problem) => void) => this.#deliver(writer, asked, reply),
      learn: (asked: Asked) => this.#model.learn(asked),
      count: (what: string) => this.#count(what),
    };
    await this.#until('the book is opened', () => this.#isOpened);
    for (let i = 0; i < clients; i++) this.#clients.push(new Client(office, this.#random.fork()));
    await this.#until('commands are asked', () => !isAsking());
    this.#isFaulty = false;
    this.#note('from here on nothing goes wrong');
    const patience = this.#timeline.nowUs + PATIENCE_US;
    await this.#until('every client is answered', () => this.#clients.every(({ isIdle }) => isIdle) || this.#timeline.nowUs > patience);
    demand(this.#timeline.nowUs <= patience, 'every client is answered', () => 'after ten minutes without a fault some are still waiting');
    return this.#look();
  }

  report(digest: string, finding: Finding | null): Report {
    const counts = { ...this.#counts, 'answers from an older view': this.#judge.elsewhere };
    const found = finding && { check: finding.check, what: finding.message, step: this.#timeline.steps, lately: this.#lately.slice(-40) };
    return { seed: this.#seed, operations: this.#asked, records: this.#model.past.head, steps: this.#timeline.steps, counts, digest, finding: found };
  }

  /** Runs what is planned until something is so. */
  async #until(what: string, isSo: () => boolean): Promise<void> {
    const happened = await this.#timeline.run(() => this.#failure !== null || isSo() || this.#timeline.steps > MOST_STEPS);
    if (this.#failure !== null) throw this.#failure instanceof Error ? this.#failure : new Finding('no bug of our own', show(this.#failure));
    demand(happened && this.#timeline.steps <= MOST_STEPS, 'everything goes on', () => `nothing comes of it any more before ${what}`);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #start(slot: number): void {
    this.#born += 1;
    this.#writers[slot] = new WriterProcess(this.#ground, `writer ${this.#born}`, this.#random.fork());
  }

  /** The first to have the book writes what every book begins with; it is asked again until it is there. */
  #opened(writer: WriterProcess): void {
    this.#count('books opened');
    this.#note(`${writer.witness.name} has opened the book`);
    if (this.#isOpened) return;
    this.#opening ??= ask(this.#workload.opening());
    this.#model.learn(this.#opening);
    this.#deliver(writer, this.#opening, (outcome) => {
      if (outcome instanceof Problem) this.#timeline.in(10_000, () => writer.deliver(() => writer.book && this.#opened(writer)));
      else this.#isOpened = true;
    });
  }
  #opening: Asked | null = null;

  #deliver(writer: WriterProcess, asked: Asked, reply: (outcome: readonly Result[] | Problem) => void): void {
    writer.deliver(() => {
      writer.submit(asked, (outcome) => {
        if (outcome instanceof Problem) {
          const { name } = writer.witness;
          demand(HARMLESS.test(outcome.code), 'no bug of our own', () => `a request was answered ${outcome.message}`);
          demand(outcome.code !== 'ledger/fenced' || !this.#oracle.isHeldBy(name), 'fenced by another', () => `${name} took the book last and is fenced`);
          this.#count(outcome.code);
        } else {
          this.#asked += outcome.length;
          this.#judge.hear(writer.witness, asked, outcome);
          for (const { code } of outcome) this.#count(code);
        }
        reply(outcome);
      });
    });
  }

  /** Something happens again and again, at random times. */
  #plan(kind: FaultKind | 'due'): void {
    const everyUs = kind === 'due' ? 50_000 : this.#settings.every[kind];
    if (everyUs === 0) return;
    this.#timeline.in(1 + this.#random.below(2 * everyUs), () => {
      if (!this.#isFaulty) return;
      if (kind === 'due') this.#random.pick(this.#writers).expireDue((expired) => this.#count('expired by the timer', expired));
      else if (this.#mayFail(kind)) this.#fault(kind);
      this.#plan(kind);
    });
  }

  /** Most faults wait until something was answered since the last one of their kind: else a run of rare answers would be nothing but faults. Some do not. */
  #mayFail(kind: FaultKind): boolean {
    if (this.#asked - (this.#lastFault.get(kind) ?? 0) < ANSWERS_BETWEEN && this.#random.below(20) > 0) return false;
    this.#lastFault.set(kind, this.#asked);
    return true;
  }

  #fault(kind: FaultKind): void {
    const random = this.#random;
    const slot = random.below(this.#writers.length);
    const writer = this.#writers[slot]!;
    if (writer.isDead) return;
    this.#count(kind);
    this.#note(`${kind}${kind.startsWith('server') || kind.startsWith('lost') ? '' : ` of ${writer.witness.name}`}`);
    switch (kind) {
      case 'writer crash':
        writer.kill();
        this.#timeline.in(random.below(50_000), () => this.#start(slot));
        return;
      case 'server crash':
        this.#server.crash(random.pick([100, 20_000, 1_000_000, 8_000_000]));
        return;
      case 'pause':
        writer.pause(random.pick([1_000, 30_000, 500_000, 4_000_000]));
        return;
      case 'lost lock':
        this.#server.loseLocks();
        return;
      case 'clock jump':
        if (random.below(2) === 0) writer.skewMs = random.between(-20, 20) * 500;
        else this.#jumpedMs += random.between(0, 20) * 1_000;
        return;
      case 'hand-over':
        writer.deliver(() => writer.handOver());
        return;
    }
  }

  /** The last look: everything that is there, read by the product's own reader. */
  async #look(): Promise<string> {
    this.#note('the last look');
    for (const writer of this.#writers) writer.deliver(() => writer.handOver());
    let book: WriterProcess['book'] = null;
    await this.#until('somebody has the book', () => (book = this.#writers.find((writer) => writer.book)?.book ?? null) !== null);
    let digest: string | null = null;
    const open = book as unknown as NonNullable<WriterProcess['book']>;
    void this.#readAll(open).then(
      (found) => (digest = found),
      (error: unknown) => (this.#failure ??= error),
    );
    this.#timeline.in(0, () => this.#timeline.touch());
    await this.#until('everything is read', () => digest !== null);
    return digest!;
  }

  async #readAll(book: NonNullable<WriterProcess['book']>): Promise<string> {
    const { past } = this.#model;
    this.#oracle.whole();
    const journal: LedgerRecord[] = [];
    // What was still on its way may be booked meanwhile.
    for (let pages = 0; journal.length !== past.head && pages < 1_000; pages++) {
      journal.push(...(await book.records({ fromSeq: BigInt(journal.length + 1), limit: 5_000 })));
    }
    const digest = this.#roots.compare(journal);
    demand(journal.length === past.head, 'the journal is read as it was written', () => `${journal.length} records, not ${past.head}`);
    for (const [i, record] of journal.entries()) demand(sameRecord(record, past.records[i]!), 'the journal is read as it was written', () => show(record));

    const state = emptyState();
    const contradiction = replay(state, journal);
    demand(contradiction === null, 'balances are the journal replayed', () => show(contradiction));
    demand(state.accounts.size === past.accounts.size && state.holds.size === past.holds.size, 'balances are the journal replayed', () => 'how many there are');
    const isSame = (a: object, b: object | undefined): boolean => show(sorted(a)) === show(sorted(b ?? {}));
    for (const [id, account] of state.accounts) demand(isSame(account, past.accounts.get(id)?.last), 'balances are the journal replayed', () => show(account));
    for (const [id, hold] of state.holds) demand(isSame(hold, past.holds.get(id)?.last), 'holds are the journal replayed', () => show(hold));
    for (let look = 0; look < 5; look++) await this.#lookBack(book);
    return digest;
  }

  /** What an account was at some place, and what touched it. */
  async #lookBack(book: NonNullable<WriterProcess['book']>): Promise<void> {
    const { past } = this.#model;
    const [id, history] = this.#random.pick([...past.accounts]);
    const seq = this.#random.below(past.head + 1);
    const balance = await book.balanceAt(id as never, { seq: BigInt(seq) });
    const known = history.at(seq);
    const isSame = known
      ? balance !== null && (['debitsPending', 'debitsPosted', 'creditsPending', 'creditsPosted'] as const).every((side) => balance[side] === known[side])
      : balance === null;
    demand(isSame, 'balances at a time', () => `${id} after record ${seq}: ${show(balance)}, not ${show(known)}`);
    const account = await book.account(id as never);
    const then = past.accounts.get(id)?.at(Number(account?.seq ?? 0));
    demand(account && then && show(sorted(account)) === show(sorted(then)), 'balances are the journal replayed', () => `${show(account)}, not ${show(then)}`);
    const entries = await book.entries(id as never, { beforeSeq: BigInt(seq), limit: 20 });
    const places = history.seqs.filter((place) => place < seq).slice(-20);
    demand(String(entries.map((record) => record.seq).reverse()) === String(places), 'entries are what touched an account', () => `${id} before ${seq}`);
  }

  #count(what: string, times = 1): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + times;
  }

  #note(what: string): void {
    this.#lately.push(`step ${this.#timeline.steps} at ${(this.#timeline.nowUs / 1_000).toFixed(3)} ms: ${what}`);
    if (this.#lately.length > 400) this.#lately.splice(0, 200);
  }
}

function sorted(object: object): unknown {
  return Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
}
