import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { assert, newId, systemClock, type AccountId } from '#base';
import { createApi, createLog, listen, mintApiKey, openApiKeys, type ApiServices, type Listening } from '#http';
import type { LoadOrder, LoadReport } from './load.ts';
import type { Measured } from './report.ts';
import type { Stage } from './stage.ts';

export interface ServedBook {
  /** A client process with so many connections, and so many transfers in a request. */
  load(accounts: readonly AccountId[], about: { readonly connections: number; readonly size: number; readonly seconds: number }): Promise<Measured>;
  close(): Promise<void>;
}

/** Far more than anybody is allowed by default: the limit is not what is measured. */
const UNLIMITED = { quota: 1e9, windowS: 1 };

/** The API as the product serves it, in this process with the book's writer, as `npm start` has them: keys, scopes, schemas, the merchants' rules, the log (into nothing) and metrics. */
export async function serve({ database, book }: Stage): Promise<ServedBook> {
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const log = createLog({ level: 'info' }, { write: () => undefined });
  const limits = { key: { name: 'key', ...UNLIMITED }, stranger: { name: 'stranger', ...UNLIMITED } };
  // Only the routes of the ledger are asked for.
  const services = { ledger: book } as unknown as ApiServices;
  const app = createApi({ database, services, clock: systemClock, random, log, limits });
  const server: Listening = await listen(app, { port: 0, requestId: () => newId(Date.now(), random) });
  const { token, id, secretHash } = mintApiKey(random);
  const createdMs = Date.now();
  await openApiKeys(database).add({ id, secretHash, merchant: null, scopes: ['ledger:write'], label: 'bench', createdMs, expiresMs: null, revokedMs: null });
  return {
    async load(accounts, about) {
      const before = (await book.head()).seq;
      const report = await asked({ port: server.port, token, accounts, ...about });
      assert((await book.head()).seq - before === BigInt(report.booked), 'what was answered is what was booked');
      return { perSecond: (report.booked * 1000) / report.elapsedMs, p99Ms: report.p99Ms };
    },
    close: () => server.close(0),
  };
}

function asked(order: LoadOrder): Promise<LoadReport> {
  const child = fork(new URL('./load.ts', import.meta.url));
  return new Promise((resolve, reject) => {
    child.once('message', (report: LoadReport) => resolve(report));
    child.once('error', reject).once('exit', (code) => assert(code === 0, `the client of the benchmark ended with ${code}`));
    child.send(order);
  });
}
