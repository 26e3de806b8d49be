import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId, Problem, type BookId, type Hex } from '#base';
import { appoint } from '../../../../mpc/node/colocated/appointment.ts';
import { openColocated, type NodeEvent } from '../../../../mpc/node/colocated/colocated.ts';
import { Folders, makeFolders, settlePorts } from '../../../../mpc/node/colocated/folders.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const address = (byte: string): Hex => `0x${byte.repeat(20)}`;

describe('co-located nodes that cannot read what their operators registered', function () {
  this.timeout(60_000);
  let base: string;
  let folders: Folders;
  const steps: string[] = [];
  const events: NodeEvent[] = [];
  const open = () => openColocated({ folder: folders.root, random, onStep: (text) => steps.push(text), onEvent: (event) => events.push(event) });

  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'cairn-refused-'));
    // So that a node with a user of its own walks down to its folder.
    await chmod(base, 0o755);
    folders = new Folders(join(base, 'signers'));
    await mkdir(folders.root);
    await makeFolders(folders, random);
    await settlePorts(folders);
    const contracts = { anchor: address('a1'), vault: address('a2'), timelock: address('a3'), safe: address('a4'), owner: address('a5') };
    const told = { merchants: new Map(), rates: { pivot: 'USD', rates: { EUR: '1.1' } }, tokens: [] };
    const book = newId<BookId>(Date.now(), random);
    await appoint(folders, { chainId: 31_337n, ...contracts, book, fromBlock: 0n, rpcUrl: 'http://127.0.0.1:9', ...told }, random);
    // The ceremonies are of no matter here.
    await writeFile(folders.keys, '{}');
  });
  after(() => rm(base, { recursive: true, force: true }));

  it('are done without where enough of the others can start', async () => {
    await writeFile(folders.operators(3, 'merchants.json'), 'none');
    const colocated = await open();
    await colocated.stop();
    assert.deepEqual(events, [{ kind: 'lost', party: 3, log: folders.log(3) }]);
    assert.match(steps.at(-1) ?? '', /^signer nodes 1, 2 of 3 are up/);
  });

  it('end the start where too few of the others can, with every node, its file and its reason', async () => {
    await writeFile(folders.operators(2, 'rates.json'), 'none');
    await assert.rejects(open(), (error: unknown) => {
      assert.ok(error instanceof Problem && error.code === 'node/ended-at-start', String(error));
      assert.match(error.detail, /Signer node 2 ended at its start: .*rates\.json.* \(\S+\) Its log is .*node-2\.log\./);
      assert.match(error.detail, /Signer node 3 ended at its start: .*merchants\.json.* \(decision\/bad-registry\) Its log is .*node-3\.log\./);
      return true;
    });
  });
});

describe('co-located nodes whose start is to end', function () {
  this.timeout(60_000);

  it('hold no further ceremony, and none of them runs on', async () => {
    const base = await mkdtemp(join(tmpdir(), 'cairn-stopped-'));
    await chmod(base, 0o755);
    const stopping = new AbortController();
    const ceremonies: string[] = [];
    const onStep = (text: string): void => {
      if (!text.startsWith('ceremony of ')) return;
      ceremonies.push(text);
      stopping.abort(new Problem('cli/stopped', 'Somebody asked.'));
    };
    const open = (signal: AbortSignal) => openColocated({ folder: join(base, 'signers'), random, onStep, onEvent: () => undefined, signal });
    await assert.rejects(open(stopping.signal), /cli\/stopped: Somebody asked\./);
    assert.equal(ceremonies.length, 1);
    // Nobody holds the lock, and no node its folder: the next start goes as far as it is let.
    await assert.rejects(open(AbortSignal.abort(new Problem('cli/stopped', 'Before the first.'))), /Before the first/);
    await rm(base, { recursive: true, force: true });
  });
});
