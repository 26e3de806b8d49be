/**
 * A signer's disk in a process of its own, to be killed: `node child.ts ROOT SCENARIO [POINT]`. Writes a line to its parent for everything that was acknowledged. At the named point the process gets a real SIGKILL:
 * POINT is OPERATION:FILE:WHEN:N, the N-th time that OPERATION (write, datasync, sync, rename, unlink) is done to a file whose path contains FILE, `before` it, in the `middle` of a write, or `after` it; or `*:K:WHEN`,
 * the K-th durable operation of all.
 */
import fs, { writeSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { toHex } from '#base';
import { AuditLog, lockFolder, NodeStore } from '#mpc/node';
import { activate, bundle, bytes, epoch, NO_AUDIT, NOW_MS, optionsIn, PAYEE, policyWith, random, refOf, session, TOKEN } from './fixtures.ts';

const [root = '', scenario = '', point = ''] = process.argv.slice(2);

function tell(line: string): void {
  writeSync(1, `${line}\n`);
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
}

let operations = 0;
const seen = new Map<string, number>();

/** When to die during this operation, or undefined. */
function fate(operation: string, path: string): string | undefined {
  operations++;
  const parts = point.split(':');
  if (parts[0] === '*') return Number(parts[1]) === operations ? parts[2] : undefined;
  const [wanted, file = '', when, nth] = parts;
  if (operation !== wanted || !path.includes(file)) return undefined;
  seen.set(point, (seen.get(point) ?? 0) + 1);
  return seen.get(point) === Number(nth) ? when : undefined;
}

type Method = (this: FileHandle, ...args: unknown[]) => Promise<unknown>;

/** Watches every durable operation of this process, the handles' and the folder's. */
async function watch(): Promise<void> {
  const paths = new WeakMap<FileHandle, string>();
  const probe = await open(join(root, 'probe'), 'w');
  const prototype = Object.getPrototypeOf(probe) as Record<string, Method>;
  await probe.close();
  for (const operation of ['write', 'writeFile', 'datasync', 'sync', 'truncate']) {
    const real = prototype[operation]!;
    prototype[operation] = async function (this: FileHandle, ...args: unknown[]) {
      const when = fate(operation === 'writeFile' ? 'write' : operation, paths.get(this) ?? '');
      if (when === 'before' || (when === 'middle' && !operation.startsWith('write'))) die();
      if (when === 'middle') {
        const whole = args[0] as Uint8Array;
        await real.call(this, whole.subarray(0, Math.floor(whole.length / 2)), ...(operation === 'write' ? [0, Math.floor(whole.length / 2), args[3]] : []));
        die();
      }
      const result = await real.apply(this, args);
      if (when === 'after') die();
      return result;
    };
  }
  const promises = fs.promises as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (const [name, operation] of [
    ['rename', 'rename'],
    ['rm', 'unlink'],
  ] as const) {
    const real = promises[name]!;
    promises[name] = async (...args: unknown[]) => {
      const when = fate(operation, String(args.at(name === 'rename' ? 1 : 0)));
      if (when === 'before' || when === 'middle') die();
      const result = await real(...args);
      if (when === 'after') die();
      return result;
    };
  }
  const reallyOpen = promises['open']!;
  promises['open'] = async (...args: unknown[]) => {
    const handle = (await reallyOpen(...args)) as FileHandle;
    paths.set(handle, String(args[0]));
    return handle;
  };
  syncBuiltinESMExports();
}

/** A node's whole life, each step of which may have been done before by a process that was killed. */
async function life(store: NodeStore): Promise<void> {
  const has = (number: number) => store.epochs.find((record) => record.epochId === refOf(number).epochId);
  for (const number of [1, 2]) {
    if (!has(number)) await store.putPending(epoch(number), NOW_MS);
    tell(`pending ${number}`);
    if (has(number)?.status === 'PENDING') await store.confirm(refOf(number), bytes(1, 64), NOW_MS);
    tell(`confirmed ${number}`);
    if (has(number)?.status === 'PENDING') await store.promote(refOf(number), bundle, NOW_MS);
    tell(`promoted ${number}`);
    if (number === 2) return;
    if (!store.counters.spent.some(({ digest }) => digest === bytes(0x21, 32))) await store.release(session(store, 0x21), NOW_MS);
    tell('released 1');
    await store.poison({ ...refOf(1), peer: 3, generation: 1, sid: bytes(0x22, 32), check: 'ote', audit: NO_AUDIT, atMs: NOW_MS });
    tell('poisoned 1');
  }
}

const scenarios: Readonly<Record<string, () => Promise<void>>> = {
  /** Opens what is there, or makes it, and lives. */
  async life() {
    const options = optionsIn(root);
    await watch();
    if (!fs.existsSync(options.folder)) await NodeStore.create(options, policyWith(), NOW_MS);
    tell('created');
    const store = await NodeStore.open(options);
    tell('opened');
    await life(store);
    await store.close();
    tell(`ended ${operations}`);
  },
  /** Comes to the check of a session with party 3, which fails: what a signer asks of its store, in its order. Each process has a sid of its own. */
  async check() {
    await watch();
    const store = await NodeStore.open(optionsIn(root));
    const sid = toHex(random(32));
    await store.evaluating({ ...refOf(1), sid, peers: [3] }, NOW_MS);
    tell('evaluating');
    await store.poison({ ...refOf(1), peer: 3, generation: 1, sid, check: 'ote', audit: NO_AUDIT, atMs: NOW_MS });
    tell('poisoned');
    await store.evaluated(sid, NOW_MS);
    await store.close();
  },
  /** Holds the folder until it is killed. */
  async hold() {
    await lockFolder(join(root, 'data'));
    tell('locked');
    setInterval(() => undefined, 60_000);
  },
  /** Releases one session after another until it is killed or its disk is full. */
  async releases() {
    const store = await NodeStore.open(optionsIn(root));
    await activate(store);
    try {
      for (let sid = 1; sid < 256; sid++) {
        await store.release(session(store, sid, { payments: [{ token: TOKEN, payee: PAYEE, amount: 1n, registered: true }] }), NOW_MS);
        tell(`released ${sid}`);
      }
    } catch (error) {
      tell(`failed ${(error as { code: string }).code}`);
      const again = await store
        .poison({ ...refOf(1), peer: 3, generation: 1, sid: bytes(0x22, 32), check: 'ote', audit: NO_AUDIT, atMs: NOW_MS })
        .catch((refused: { code: string }) => refused);
      tell(`then ${(again as { code: string }).code}`);
    }
  },
  /** Writes audit lines until it is killed. */
  async audit() {
    await watch();
    const log = await AuditLog.open({ path: join(root, 'audit.log'), storeId: bytes(1, 16), remembered: [] });
    tell(`opened ${log.head.seq}`);
    for (let i = 0; i < 5; i++) tell(`logged ${(await log.append({ kind: 'asked', atMs: NOW_MS, data: { i, text: 'π' } })).seq}`);
    await log.close();
  },
};

await scenarios[scenario]!();
