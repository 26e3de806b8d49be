import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId, type AccountId, type BookId, type TransferId } from '#base';
import { openDatabase, startPostgres } from '#db';
import { readBook } from '#ledger';
import { emptyState, replay, type LedgerRecord, type Result } from '#ledger/core';
import { Judge, type Witness } from './judge.ts';
import { ask, type Asked } from './model/chains.ts';
import { checkWhole, ModelLedger } from './model/ledger.ts';
import { Random } from './random.ts';
import type { Reply } from './realWriter.ts';
import { Roots } from './roots.ts';
import { settingsOf } from './world/settings.ts';
import { Workload } from './world/workload.ts';

const CLIENTS = 40;
const KILLS = 24;
const COMMANDS_BETWEEN = 4_000;
/** More starts than kills and servers that are not up yet explain. */
const MOST_LIVES = 100;
/** How many moments between question and answer are tried where an answer depends on the time. */
const MOMENTS = 24;

/** An answer as it was heard, to be judged once the whole journal is known. */
interface Heard {
  readonly witness: Witness;
  readonly asked: Asked;
  readonly results: readonly Result[];
  readonly readings: readonly number[];
}

/** One life of the writer's process. */
interface Life {
  readonly child: ChildProcess;
  readonly witness: Witness;
  readonly waiting: Map<number, (reply: Reply | null) => void>;
}

describe('a writer and a server that are killed in turns', () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'cairn-sim-'));
  let server: Awaited<ReturnType<typeof startPostgres>>;
  before(async function () {
    this.timeout(120_000);
    // Where PostgreSQL's own user gets in, the data are in it, and go with it.
    chmodSync(stateDir, 0o711);
    server = await startPostgres({ stateDir });
  });
  after(async () => {
    await server.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });

  const random = new Random(Date.now());
  const bookId = newId<BookId>(Date.now(), (length) => Uint8Array.from({ length }, () => random.below(256)));
  const heard: Heard[] = [];
  const everything: Asked[] = [];
  let lives = 0;
  let questions = 0;
  let life: Life | null = null;
  const progress = { answered: 0, isAsking: true };

  /** Starts the writer; what was asked of it and not answered when it dies is answered with null. */
  async function start(): Promise<void> {
    assert.ok(lives < MOST_LIVES, 'a writer that is started again takes the book');
    const child = fork(join(import.meta.dirname, 'realWriter.ts'), [server.url, bookId], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    const witness: Witness = { name: `writer ${++lives}`, seen: 0, taken: 0, written: 0, readings: [] };
    const born: Life = { child, witness, waiting: new Map() };
    child.on('message', (reply: Reply) => {
      if ('opened' in reply) witness.taken = witness.seen = Number(reply.opened);
      else born.waiting.get(reply.no)?.(reply);
    });
    child.on('exit', () => {
      for (const tell of born.waiting.values()) tell(null);
      born.waiting.clear();
      if (life === born) life = null;
    });
    await Promise.race([once(child, 'message'), once(child, 'exit')]);
    life = child.exitCode === null && child.signalCode === null ? born : null;
  }

  function send({ child, waiting }: Life, asked: Asked): Promise<Reply | null> {
    const no = ++questions;
    return new Promise((resolve) => {
      waiting.set(no, resolve);
      child.send({ no, commands: asked.commands }, (error) => error && resolve(null));
    }).finally(() => waiting.delete(no)) as Promise<Reply | null>;
  }

  async function askUntilAnswered(asked: Asked): Promise<void> {
    everything.push(asked);
    for (;;) {
      const current = life;
      const reply = current && (await send(current, asked));
      if (current && reply && 'results' in reply) {
        const { fromMs, toMs, results } = reply;
        const readings = Array.from({ length: MOMENTS + 1 }, (_, i) => Math.round(fromMs + ((toMs - fromMs) * i) / MOMENTS));
        heard.push({ witness: current.witness, asked, results, readings });
        progress.answered += results.length;
        return;
      }
      if (reply && 'problem' in reply) assert.match(reply.problem, /^(store|ledger)\/[a-z-]+$/);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  it('have lost nothing that was acknowledged, booked nothing that was refused, and agree with the model to the last unit', async function () {
    this.timeout(300_000);
    const settings = { ...settingsOf(random.fork()), accounts: 30, small: 12, linked: 60_000, evidence: 10_000, timeoutS: 3 };
    const workload = new Workload(random.fork(), settings);
    await start();
    await askUntilAnswered(ask(workload.opening()));
    const client = async (): Promise<void> => {
      while (progress.isAsking) await askUntilAnswered(ask(workload.request()));
    };
    const clients = Array.from({ length: CLIENTS }, client);

    for (let kill = 0; kill < KILLS; kill++) {
      const goal = progress.answered + COMMANDS_BETWEEN;
      while (progress.answered < goal) await new Promise((resolve) => setTimeout(resolve, 2));
      if (kill % 2 === 0) {
        const { child } = life!;
        child.kill('SIGKILL');
        await once(child, 'exit');
        while (life === null) await start();
      } else {
        process.kill(server.pid(), 'SIGKILL');
      }
    }
    progress.isAsking = false;
    await Promise.all(clients);
    life!.child.disconnect();

    const database = await openDatabase({ url: server.url });
    try {
      const book = await readBook(database, bookId);
      const journal: LedgerRecord[] = [];
      for (let last = -1; journal.length !== last;) {
        last = journal.length;
        journal.push(...(await book.records({ fromSeq: BigInt(journal.length + 1), limit: 5_000 })));
      }
      assert.equal((await book.head()).seq, BigInt(journal.length));
      assert.equal(replay(emptyState(), journal), null);

      const model = new ModelLedger();
      for (const asked of everything) model.learn(asked);
      model.read(journal);
      checkWhole(model.past);
      const judge = new Judge(model);
      for (const { witness, asked, results, readings } of heard) {
        witness.readings.splice(0, witness.readings.length, ...readings);
        judge.hear(witness, asked, results);
      }
      for (const [id, { last }] of model.past.accounts) assert.deepEqual(await book.account(id as AccountId), last);
      for (const [id, { last }] of model.past.holds) assert.deepEqual(await book.hold(id as TransferId), last);
      const roots = new Roots(bookId, 100);
      roots.append(model.past.records);
      roots.compare(journal);
      assert.ok(progress.answered >= KILLS * COMMANDS_BETWEEN);
    } finally {
      await database.close();
    }
  });
});
