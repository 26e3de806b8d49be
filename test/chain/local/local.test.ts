import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLocalChain, type LocalChain, type LocalChainEvent } from '#chain';
import { ManualClock } from '#base';
import { jsonRpc, type Rpc } from '../../../src/chain/local/rpc.ts';

const FROM = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';

interface Receipt {
  readonly blockNumber: string;
  readonly blockHash: string;
  readonly contractAddress: string;
  readonly logs: unknown[];
}

/** Runtime code: stores the first word of its input in slot 0 and logs it under topic 1. Its creation code returns it. */
const RECORDER = '0x6d5f35805f555f52600160205fa1005f52600e6012f3';

function word(value: number): string {
  return `0x${value.toString(16).padStart(64, '0')}`;
}

async function receiptOf(rpc: Rpc, hash: string): Promise<Receipt> {
  for (;;) {
    const receipt = await rpc<Receipt | null>('eth_getTransactionReceipt', hash);
    if (receipt) return receipt;
    await sleep(5);
  }
}

async function record(rpc: Rpc, to: string, value: number): Promise<string> {
  const hash = await rpc<string>('eth_sendTransaction', { from: FROM, to, data: word(value) });
  await receiptOf(rpc, hash);
  return hash;
}

async function deployRecorder(rpc: Rpc): Promise<string> {
  const hash = await rpc<string>('eth_sendTransaction', { from: FROM, data: RECORDER });
  return (await receiptOf(rpc, hash)).contractAddress;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await condition()); waited += 5) {
    ok(waited < 30_000, 'waited half a minute in vain');
    await sleep(5);
  }
}

async function headOf(rpc: Rpc): Promise<bigint> {
  return BigInt(await rpc<string>('eth_blockNumber'));
}

describe('the local chain', function () {
  this.timeout(120_000);
  let stateDir: string;
  let events: LocalChainEvent[];
  let chain: LocalChain | undefined;

  const start = async (): Promise<Rpc> => {
    chain = await startLocalChain({ stateDir, onEvent: (event) => events.push(event) });
    return jsonRpc(chain.rpcUrl);
  };
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'cairn-chain-'));
    events = [];
  });
  afterEach(async () => {
    await chain?.stop();
    chain = undefined;
    rmSync(stateDir, { recursive: true, force: true });
  });

  it('mines a transaction by itself, calls its block final once it is in a dump, and keeps the time of the clock', async () => {
    const rpc = await start();
    const contract = await deployRecorder(rpc);
    const sentAtS = Math.floor(Date.now() / 1000);
    for (let value = 1; value <= 20; value++) await record(rpc, contract, value);
    const head = await headOf(rpc);
    await until(() => chain!.finalBlock() === head);
    const { timestamp } = await rpc<{ timestamp: string }>('eth_getBlockByNumber', 'latest', false);
    ok(Number(timestamp) >= sentAtS && Number(timestamp) <= Date.now() / 1000, `block time ${timestamp}, sent after ${sentAtS}`);
    await sleep(700);
    strictEqual(await headOf(rpc), head, 'no block is mined while nothing waits');
  });

  it('still answers for old transactions, logs and recent states after SIGKILL of the node, and for the same chain', async () => {
    let rpc = await start();
    const contract = await deployRecorder(rpc);
    const hashes: string[] = [];
    for (let value = 1; value <= 10; value++) hashes.push(await record(rpc, contract, value));
    await chain!.checkpoint();
    const ask = async () => ({
      genesis: (await rpc<{ hash: string }>('eth_getBlockByNumber', '0x0', false)).hash,
      receipts: await Promise.all(hashes.map((hash) => rpc('eth_getTransactionReceipt', hash))),
      transactions: await Promise.all(hashes.map((hash) => rpc('eth_getTransactionByHash', hash))),
      logs: await rpc<unknown[]>('eth_getLogs', { fromBlock: '0x0', toBlock: 'latest', address: contract, topics: [word(1)] }),
      slotBefore: await rpc('eth_getStorageAt', contract, '0x0', '0x6'),
      codeBefore: await rpc('eth_getCode', contract, '0x6'),
      slot: await rpc('eth_getStorageAt', contract, '0x0', 'latest'),
      final: chain!.finalBlock(),
    });
    const before = await ask();
    strictEqual(before.logs.length, 10);

    const killed = chain!.pid();
    process.kill(killed, 'SIGKILL');
    await until(() => events.length > 0);
    deepStrictEqual(events, [{ kind: 'restarted', finalBlock: before.final, lostBlocks: 0n }]);
    deepStrictEqual(await ask(), before);

    await record(rpc, contract, 99);
    strictEqual(await rpc('eth_getStorageAt', contract, '0x0', 'latest'), word(99));

    await chain!.stop();
    rpc = await start();
    strictEqual(await rpc('eth_getStorageAt', contract, '0x0', 'latest'), word(99));
    deepStrictEqual(await rpc('eth_getTransactionReceipt', hashes[0]!), before.receipts[0]);
  });

  it('runs again though the node is killed again, and again, while it loads its dump', async () => {
    const rpc = await start();
    const contract = await deployRecorder(rpc);
    await record(rpc, contract, 7);
    await chain!.checkpoint();
    const remembered = () => (JSON.parse(readFileSync(join(stateDir, 'chain.json'), 'utf8')) as { node: { pid: number } }).node.pid;
    let killed = chain!.pid();
    process.kill(killed, 'SIGKILL');
    for (let round = 0; round < 3; round++) {
      await until(() => remembered() !== killed);
      killed = remembered();
      process.kill(killed, 'SIGKILL');
    }
    await until(() => events.length > 0 && chain!.pid() === remembered() && chain!.pid() !== killed);
    strictEqual(await rpc('eth_getStorageAt', contract, '0x0', 'latest'), word(7));
    deepStrictEqual([...new Set(events.map(({ kind }) => kind))], ['restarted']);
  });

  it('loses only blocks that were not final when the node is killed while transactions rain', async () => {
    const rpc = await start();
    const contract = await deployRecorder(rpc);
    const final = new Map<string, Receipt>();
    for (let round = 0; round < 4; round++) {
      const hashes: string[] = [];
      const before = events.length;
      const rain = (async () => {
        for (let value = 1; ; value++) hashes.push(await rpc<string>('eth_sendTransaction', { from: FROM, to: contract, data: word(value) }));
      })().catch(() => undefined);
      // Killed at another moment each time: after so many more transactions than have a final block.
      await until(async () => hashes.length > 0 && BigInt((await receiptOf(rpc, hashes[0]!)).blockNumber) <= chain!.finalBlock());
      const enough = hashes.length + 9 * round;
      await until(() => hashes.length > enough);
      const finalBlock = chain!.finalBlock();
      for (const hash of hashes.slice()) {
        const receipt = await rpc<Receipt | null>('eth_getTransactionReceipt', hash);
        if (receipt && BigInt(receipt.blockNumber) <= finalBlock) final.set(hash, receipt);
      }
      process.kill(chain!.pid(), 'SIGKILL');
      await rain;
      await until(() => events.slice(before).some((event) => event.kind === 'restarted'));
      for (const [hash, receipt] of final) deepStrictEqual(await rpc('eth_getTransactionReceipt', hash), receipt);
    }
    ok(final.size >= 4);
  });

  it('saves what a node mined that a killed process left running, and ends it', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD], {
      env: { ...process.env, STATE_DIR: stateDir },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve) => child.stdout.once('data', (data: Buffer) => resolve(data.toString())));
    const { rpcUrl, pid } = JSON.parse(line) as { rpcUrl: string; pid: number };
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    // Nobody minds the node now; this block is in no dump.
    await jsonRpc(rpcUrl)('evm_mine');
    const left = await headOf(jsonRpc(rpcUrl));

    const rpc = await start();
    deepStrictEqual(events, [{ kind: 'orphan-stopped', savedBlock: left }]);
    strictEqual(await headOf(rpc), left);
    ok(chain!.pid() !== pid);
    strictEqual(chain!.rpcUrl, rpcUrl);
  });

  it('goes on from the dump before where the newest is truncated, or one byte of it is wrong, and says so', async () => {
    for (const damage of [
      (file: string) => truncateSync(file, readFileSync(file).length - 100),
      (file: string) =>
        writeFileSync(
          file,
          readFileSync(file).map((byte, index, all) => (index === all.length >> 1 ? byte ^ 1 : byte)),
        ),
    ]) {
      await start();
      const before = await chain!.mine(1);
      await chain!.mine(1);
      // stop() dumps once more, unchanged; so two dumps of the later block are made to be one of each.
      await chain!.stop();
      chain = undefined;
      events = [];
      damage(join(stateDir, 'dump.json.gz'));
      const rpc = await start();
      strictEqual(events.length, 1);
      strictEqual(events[0]!.kind, 'dump-damaged');
      ok((await headOf(rpc)) >= before);
      await chain!.stop();
      chain = undefined;
    }
  });

  it('refuses to begin another chain where every dump is damaged', async () => {
    await start();
    await chain!.mine(2);
    await chain!.stop();
    chain = undefined;
    for (const file of ['dump.json.gz', 'dump.previous.json.gz']) writeFileSync(join(stateDir, file), 'nonsense');
    await rejects(start(), { code: 'chain/state-lost' });
  });

  it('refuses a second supervisor, a busy port and a file for a folder, each by its problem', async () => {
    await start();
    await rejects(startLocalChain({ stateDir }), { code: 'chain/local-already-running' });
    const other = mkdtempSync(join(tmpdir(), 'cairn-chain-'));
    await rejects(startLocalChain({ stateDir: other, port: Number(new URL(chain!.rpcUrl).port) }), { code: 'chain/local-port-busy' });
    rmSync(other, { recursive: true });
  });

  it('names the file that is damaged where its port and process cannot be read', async () => {
    const other = mkdtempSync(join(tmpdir(), 'cairn-chain-'));
    for (const damaged of ['', '{', 'null', '{"port":"1"}']) {
      writeFileSync(join(other, 'chain.json'), damaged);
      await rejects(startLocalChain({ stateDir: other }), { code: 'chain/local-damaged-state', detail: /chain\.json/ });
    }
    rmSync(other, { recursive: true });
  });

  it('follows the clock it is given, also when that jumps', async () => {
    const clock = new ManualClock(Date.now());
    chain = await startLocalChain({ stateDir, clock });
    const rpc = jsonRpc(chain.rpcUrl);
    clock.advance(86_400_000);
    await chain.mine(1);
    const { timestamp } = await rpc<{ timestamp: string }>('eth_getBlockByNumber', 'latest', false);
    strictEqual(Number(timestamp), Math.floor(clock.nowMs() / 1000));
  });
});

const CHILD = `
  const { startLocalChain } = await import('#chain');
  const chain = await startLocalChain({ stateDir: process.env.STATE_DIR });
  console.log(JSON.stringify({ rpcUrl: chain.rpcUrl, pid: chain.pid() }));
`;
