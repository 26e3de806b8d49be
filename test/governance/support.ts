import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { encodeFunctionData, type Abi } from 'viem';
import { fromHex, ManualClock, Problem, type BookId, type Hex } from '#base';
import { connectChain, deploy, describeRevert, readGovernance, type ChainClient, type Deployment, type Governance } from '#chain';
import type { Custody } from '#custody';
import { addressOf } from '#custody/intents';
import { cancelCommand, executeCommand, pauseCommand, proposeCommand, signCommand, statusCommand } from '#governance';
import { governanceText, type GovernedDeployment } from '#governance/core';
import { openTestCustody } from '../support/custody.ts';
import { testDatabase } from '../support/postgres.ts';
import { standInSigners } from '../support/signerNodes.ts';
import { devKey, startTestChain, type TestChain } from '../chain/anvil.ts';

export const DEPLOYER = devKey(9);
export const DELAY_S = 172_800;
const COMMANDS = {
  propose: proposeCommand,
  sign: signCommand,
  status: statusCommand,
  execute: executeCommand,
  cancel: cancelCommand,
  pause: pauseCommand,
} as const;

export function addressOfKey(key: Hex): Hex {
  return addressOf(secp256k1.getPublicKey(fromHex(key)));
}

/** A deployment with a Safe of two people and a custody, on a chain whose clock the test moves, governed by the product's own commands. */
export interface GovernedChain {
  readonly chain: TestChain;
  readonly client: ChainClient;
  readonly deployment: Deployment;
  readonly governed: GovernedDeployment;
  readonly stateDir: string;
  /** Keys of everybody but the owner, whose key is behind the door of custody. */
  readonly keys: Readonly<Record<'operator1' | 'operator2' | 'guardian' | 'stranger', Hex>>;
  /** Runs `cairn govern NAME` and returns what it said; its refusal is thrown. `answer` is what a person types, null where nobody is there. */
  govern(name: keyof typeof COMMANDS, words: readonly string[], values?: Readonly<Record<string, string | boolean>>, answer?: string | null): Promise<string>;
  keyFile(who: keyof GovernedChain['keys']): string;
  /** A path of a file that is not there yet. */
  file(name: string): string;
  /** propose, sign by each, and execute: now it waits in the timelock. The file. */
  schedule(words: readonly string[], signers: readonly ('owner' | keyof GovernedChain['keys'])[]): Promise<string>;
  governance(): Promise<Governance>;
  /** Moves the chain's clock, in a block of its own. */
  pass(seconds: number): Promise<void>;
  /** A transaction of this account; the name of the contract's error where it is refused, null where it is done. */
  attempt(from: Hex, to: Hex, data: Hex): Promise<string | null>;
  /** What the test did to the chain since is undone. */
  snapshot(): Promise<() => Promise<void>>;
  close(): void;
}

export function call(abi: Abi, functionName: string, args: readonly unknown[] = []): Hex {
  return encodeFunctionData({ abi, functionName, args });
}

/** Whose the keys of the group are, and what answers for them in `signers/` of the state folder. */
export interface Group {
  readonly custody: Pick<Custody, 'address'>;
  readonly endSigners: () => Promise<void>;
}

async function testGroup(stateDir: string): Promise<Group> {
  const custody = await openTestCustody(join(stateDir, 'keys'), (length) => crypto.getRandomValues(new Uint8Array(length)));
  return { custody, endSigners: await standInSigners(join(stateDir, 'signers'), custody) };
}

export async function governedChain(group: (stateDir: string) => Promise<Group> = testGroup): Promise<GovernedChain> {
  const chain = await startTestChain();
  const client = await connectChain({ rpcUrl: chain.rpcUrl, finality: { kind: 'depth', blocks: 1 } });
  const stateDir = mkdtempSync(join(tmpdir(), 'cairn-govern-'));
  const { custody, endSigners } = await group(stateDir);
  const keys = { operator1: devKey(5), operator2: devKey(6), guardian: devKey(7), stranger: devKey(8) };
  for (const [name, key] of Object.entries(keys)) writeFileSync(join(stateDir, `${name}.key`), `${key}\n`, { mode: 0o600 });
  const [owner, guardian] = [await custody.address('owner'), addressOfKey(keys.guardian)];
  const operators = [addressOfKey(keys.operator1), addressOfKey(keys.operator2)];
  const db = await testDatabase();
  const deployment = await deploy({
    database: db.database,
    client,
    clock: new ManualClock(1_700_000_000_000),
    deployerKey: DEPLOYER,
    consent: true,
    book: '018bcfe5-6800-7000-8000-000000000001' as BookId,
    signers: { poster: await custody.address('poster'), vault: await custody.address('vault'), owner },
    guardian,
    operators,
    timelockDelayS: DELAY_S,
    tokens: [{ symbol: 'tUSD', decimals: 6, perTransaction: 10n ** 12n, perDay: 10n ** 13n }],
    funding: [{ to: owner, wei: 10n ** 18n }],
    rest: () => chain.mine(),
  });
  await db.close();
  await chain.request('evm_setAutomine', true);
  const { safe, safeContracts, timelock, anchor, vault, block } = deployment;
  const governed: GovernedDeployment = {
    format: 'cairn-governance/1',
    chainId: String(client.chainId),
    rpcUrl: chain.rpcUrl,
    safe,
    safeContracts,
    timelock,
    anchor,
    vault,
    tokens: [...deployment.tokens],
    owner,
    guardian,
    operators,
    fromBlock: String(block.number),
  };
  writeFileSync(join(stateDir, 'governance.json'), governanceText(governed));

  let files = 0;
  const file = (name: string): string => join(stateDir, `${(files += 1)}-${name}.json`);
  const keyFile = (who: keyof typeof keys): string => join(stateDir, `${who}.key`);
  const govern: GovernedChain['govern'] = async (name, words, values = {}, answer = null) => {
    const said: string[] = [];
    await COMMANDS[name](values, words, stateDir, { say: (line) => void said.push(line), ask: async () => answer });
    return said.join('\n');
  };
  return {
    chain,
    client,
    deployment,
    governed,
    stateDir,
    keys,
    govern,
    keyFile,
    file,
    schedule: async (words, signers) => {
      const out = file('proposal');
      await govern('propose', words, { out });
      for (const who of signers)
        await govern('sign', [out], {
          ...(who === 'owner' ? { as: 'owner' } : { key: keyFile(who) }),
          yes: true,
        });
      await govern('execute', [out], { key: keyFile('stranger') });
      return out;
    },
    governance: async () => readGovernance(client, deployment, (await client.head()).number),
    pass: async (seconds) => {
      await chain.request('evm_increaseTime', seconds);
      await chain.mine();
    },
    attempt: async (from, to, data) => {
      await chain.request('anvil_impersonateAccount', from);
      await chain.request('anvil_setBalance', from, '0xde0b6b3a7640000');
      try {
        await client.read('an attempt', (viem) =>
          viem.call({
            account: from,
            to,
            data,
          }),
        );
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        const { error: named, revertData } = describeRevert((error.facts['revertData'] ?? '0x') as Hex);
        return named ? (named.name === 'Error' ? named.args.join() : named.name) : revertData;
      }
      const hash = await chain.request('eth_sendTransaction', {
        from,
        to,
        data,
      });
      for (;;) {
        const receipt = (await chain.request('eth_getTransactionReceipt', hash)) as {
          status: Hex;
        } | null;
        if (receipt === null) continue;
        assert.equal(receipt.status, '0x1', 'what would be done is done');
        return null;
      }
    },
    snapshot: async () => {
      const id = await chain.request('evm_snapshot');
      return async () => void (await chain.request('evm_revert', id));
    },
    close: () => {
      void endSigners();
      chain.stop();
      rmSync(stateDir, {
        recursive: true,
        force: true,
      });
    },
  };
}

/** Changes one member of a proposal's file, as somebody on its way would. */
export function tamper(path: string, change: (file: { transaction: Record<string, unknown>; signatures: unknown[] } & Record<string, unknown>) => void): void {
  const content = JSON.parse(readFileSync(path, 'utf8')) as Parameters<typeof change>[0];
  change(content);
  writeFileSync(path, JSON.stringify(content));
}

/** For assert.rejects: a refusal with this code, and with this rule where one is named. */
export function refusal(code: string, rule?: string): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof Problem)) throw error;
    if (error.code !== code || (rule !== undefined && error.facts['rule'] !== rule)) throw error;
    return true;
  };
}
