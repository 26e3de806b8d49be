import pg from 'pg';
import type { Database } from '#db';
import type { Random } from '../random.ts';
import type { Timeline } from '../timeline.ts';
import type { Answer, Server, Session } from './server.ts';
import { Violation } from './tables.ts';

/** How long things take and how often they go wrong, in microseconds and times in a million. */
export interface NetworkFaults {
  /** One way. */
  readonly latencyUs: number;
  readonly workUs: number;
  /** A thousand times as slow. */
  readonly slow: number;
  /** The connection breaks with the request on its way. */
  readonly lostRequest: number;
  /** The connection breaks with the answer on its way: the statement is done. */
  readonly lostReply: number;
  /** The server refuses a statement for reasons of its own. */
  readonly refusedStatement: number;
}

/** Who has the connections: what arrives for it waits while it stands still, and is lost when it is dead. */
export interface Owner {
  readonly name: string;
  deliver(run: () => void): void;
}

export interface Wires {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly server: Server;
  /** As they are now: a run ends without them. */
  readonly faults: () => NetworkFaults;
  readonly count: (what: 'lost requests' | 'lost replies' | 'refused statements') => void;
}

interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

interface Job {
  readonly statement: Statement;
  readonly resolve: (result: { readonly rows: unknown[]; readonly rowCount: number }) => void;
  readonly reject: (error: Error) => void;
}

function databaseError(message: string, code: string, constraint?: string): Error {
  const error = new pg.DatabaseError(message, message.length, 'error');
  error.code = code;
  error.constraint = constraint;
  return error;
}

/** What the server says when it cannot or will not: canceled, disk full, read only. */
const REFUSALS = ['57014', '53100', '25006'];
/** What a client says when its connection has ended: pg's own words, and those of the system and of a server that shuts down. */
function lossOf(random: Random): Error {
  if (random.below(3) > 0) return new Error('Connection terminated unexpectedly');
  if (random.below(2) > 0) return databaseError('terminating connection due to administrator command', '57P01');
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}

/** pg's client: statements go one after the other, and when the connection ends each that waits is told. */
class Client {
  isBroken = false;
  readonly #wires: Wires;
  readonly #owner: Owner;
  readonly #session: Session;
  readonly #queue: Job[] = [];
  #isSending = false;
  readonly #onFree: (client: Client) => void;

  constructor(wires: Wires, owner: Owner, onFree: (client: Client) => void) {
    this.#wires = wires;
    this.#owner = owner;
    this.#onFree = onFree;
    this.#session = { owner: owner.name, pid: wires.server.nextPid(), isOver: false, isClosing: false, isBusy: false, hangUp: () => this.#breakLater() };
    wires.server.accept(this.#session);
  }

  query(statement: Statement): Promise<{ readonly rows: unknown[]; readonly rowCount: number }> {
    if (this.isBroken) return Promise.reject(new Error('Client has encountered a connection error and is not queryable'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ statement, resolve, reject });
      if (!this.#isSending) this.#send();
    });
  }

  release(destroy?: boolean | Error): void {
    if (destroy === undefined || destroy === false) this.#onFree(this);
    else this.hangUp();
  }

  /** Our end closes: the server learns it a little later. */
  hangUp(): void {
    if (this.isBroken) return;
    this.#fail(new Error('Connection terminated'));
    this.#wires.timeline.in(this.#delay(), () => this.#wires.server.close(this.#session));
  }

  /** The process died: nobody is left here to be told, and the server learns it a little later. */
  abandon(): void {
    this.#wires.timeline.in(this.#delay(), () => this.#wires.server.close(this.#session));
  }

  #send(): void {
    const { timeline, random, server, faults, count } = this.#wires;
    const { lostRequest, lostReply, refusedStatement, workUs } = faults();
    const [job] = this.#queue;
    if (!job) return;
    this.#isSending = true;
    if (random.chance(lostRequest)) {
      count('lost requests');
      this.#cut();
      return;
    }
    const answerIsLost = random.chance(lostReply);
    timeline.in(this.#delay(), () => {
      if (this.#session.isOver) return;
      if (random.chance(refusedStatement)) {
        count('refused statements');
        const code = random.pick(REFUSALS);
        timeline.in(this.#delay(), () => this.#settle(job, { error: databaseError('not now', code) }));
        return;
      }
      server.run(this.#session, job.statement, this.#random(workUs), (answer) => {
        if (answerIsLost) {
          count('lost replies');
          this.#cut();
        } else {
          timeline.in(this.#delay(), () => this.#settle(job, answer));
        }
      });
    });
  }

  /** The connection is cut: each side notices in its own time, and what was on its way may still arrive. */
  #cut(): void {
    const { timeline, server } = this.#wires;
    timeline.in(this.#delay() * 3, () => server.close(this.#session));
    this.#breakLater();
  }

  #breakLater(): void {
    const loss = lossOf(this.#wires.random);
    this.#wires.timeline.in(this.#delay() * 3, () => this.#owner.deliver(() => this.#fail(loss)));
  }

  #settle(job: Job, answer: Answer): void {
    this.#owner.deliver(() => {
      if (this.isBroken || this.#queue[0] !== job) return;
      this.#queue.shift();
      this.#isSending = false;
      if ('rows' in answer) job.resolve({ rows: answer.rows, rowCount: answer.rows.length });
      else job.reject(answer.error instanceof Violation ? databaseError(answer.error.message, '23514', answer.error.constraint) : answer.error);
      this.#send();
    });
  }

  #fail(loss: Error): void {
    this.isBroken = true;
    for (const job of this.#queue.splice(0)) job.reject(loss);
  }

  #delay(): number {
    const { latencyUs, slow } = this.#wires.faults();
    return this.#random(latencyUs) * (this.#wires.random.chance(slow) ? 1_000 : 1);
  }

  #random(typical: number): number {
    return 1 + this.#wires.random.below(2 * typical);
  }
}

/** A Database over the simulated server, with what pg gives of a pool: connections that are kept, checked out, and thrown away when they are broken. */
export function connectTo(wires: Wires, owner: Owner): { readonly database: Database; readonly abandon: () => void } {
  const { timeline, random, server, faults } = wires;
  const idle: Client[] = [];
  const all = new Set<Client>();

  function connect(): Promise<Client> {
    const kept = idle.pop();
    if (kept && !kept.isBroken) return Promise.resolve(kept);
    return new Promise((resolve, reject) => {
      timeline.in(1 + random.below(2 * faults().latencyUs), () => {
        const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
        const client = server.isUp ? new Client(wires, owner, (free) => idle.push(free)) : null;
        if (client) all.add(client);
        owner.deliver(() => (client ? resolve(client) : reject(refused)));
      });
    });
  }

  async function query(statement: Statement): Promise<unknown> {
    const client = await connect();
    try {
      return await client.query(statement);
    } finally {
      client.release(client.isBroken);
    }
  }

  const pool = { connect, query } as unknown as Database['pool'];
  return {
    database: { pool, close: async () => undefined },
    abandon: () => {
      for (const client of all) client.abandon();
    },
  };
}
