import { setTimeout as sleep } from 'node:timers/promises';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { privateKeyToAddress } from 'viem/accounts';
import { assert, concat, derivedId, fromHex, Problem, uintBytes, utf8, type Hex } from '#base';
import { lower } from '../client/logs.ts';
import { createOutbox } from '../outbox/outbox.ts';
import type { MinedReceipt, Outbox, OutboxId, TransactionFailure } from '../outbox/types.ts';
import { checkDeployment, checkGovernance, checkHolders, checkIdentity } from './check.ts';
import { canonicalSafeContracts } from './safe.ts';
import { deploySteps, safeContracts, tokenAddress, type Step } from './steps.ts';
import { recordDeployment, recordedDeployment } from './store.ts';
import type { Deployment, DeployOptions, SafeContracts } from './types.ts';

/** anvil's and Hardhat's: the only chain whose money is worth nothing by agreement. */
const LOCAL_CHAIN = 31337n;

/** Longer than a step takes anywhere; a put-off step is tried again only by the next start. */
const NOT_AGAIN_MS = 1;

/**
 * The deployment of this database: the recorded one after a look that the chain still has it, or else a new one. Every step is a transaction of an outbox, named by the step, so that a
 * start after a crash goes on where the last one stopped and sends nothing twice.
 */
export async function deploy(options: DeployOptions): Promise<Deployment> {
  const { database, client, tokens } = options;
  const recorded = await recordedDeployment(database);
  if (recorded) {
    await checkDeployment(client, recorded);
    await checkIdentity(client, recorded, options);
    await checkHolders(client, recorded, options);
    return recorded;
  }
  if (!options.consent) throw new Problem('chain/consent-needed', `No deployment is recorded, and nobody asked for one on chain ${client.chainId}.`);
  if (client.chainId !== LOCAL_CHAIN && tokens.some(({ address }) => !address)) {
    throw new Problem('chain/test-token-refused', `Chain ${client.chainId} is no local chain: every token needs the address of an existing one.`);
  }
  const deployer = lower(privateKeyToAddress(options.deployerKey));
  requireKeysApart(options, deployer);
  const shared = client.chainId === LOCAL_CHAIN ? null : await canonicalSafeContracts(client);
  const outbox = createOutbox({ database, client, relayerKey: options.deployerKey, clock: options.clock });
  try {
    const run = new Run(options, outbox, deployer, shared);
    const deployment = await run.toTheEnd();
    await checkDeployment(client, deployment);
    await checkGovernance(client, deployment, options);
    await recordDeployment(database, deployment, options.clock.nowMs());
    return deployment;
  } finally {
    await outbox.close();
  }
}

/** Two of the Safe's three keys pass an act: with one key in two places that would be one. And whoever deploys has no other part in it. */
function requireKeysApart({ signers: { owner }, guardian, operators }: DeployOptions, deployer: Hex): void {
  assert(operators.length === 2, 'the Safe has two operators');
  const keys = [owner, guardian, deployer, ...operators];
  if (new Set(keys).size !== keys.length)
    throw new Problem('chain/keys-not-apart', 'The owner, the guardian, the deployer and the two operators are not five different addresses.', { keys });
}

class Run {
  readonly #options: DeployOptions;
  readonly #outbox: Outbox;
  readonly #deployer: Hex;
  readonly #shared: SafeContracts | null;
  readonly #steps: readonly Step[];
  readonly #made = new Map<string, Hex>();
  #refused: TransactionFailure | undefined;

  constructor(options: DeployOptions, outbox: Outbox, deployer: Hex, shared: SafeContracts | null) {
    this.#options = options;
    this.#outbox = outbox;
    this.#deployer = deployer;
    this.#shared = shared;
    this.#steps = deploySteps(options, deployer, shared);
    // A refused step is kept as an intent: once its cause is mended, the next start goes on with it.
    outbox.rebuildWith('deploy', async (_, failure) => {
      this.#refused = failure;
      return { kind: 'retry', notBeforeMs: options.clock.nowMs() + NOT_AGAIN_MS };
    });
  }

  async toTheEnd(): Promise<Deployment> {
    for (const [done, step] of this.#steps.entries()) {
      this.#options.onProgress?.({ step: step.name, done, of: this.#steps.length });
      await this.#ask(step);
      const receipt = await this.#reach(step, ['mined', 'final']);
      const address = this.#madeBy(step, receipt);
      if (address) this.#made.set(step.name, address);
    }
    this.#options.onProgress?.({ step: 'finality', done: this.#steps.length, of: this.#steps.length });
    const receipts: MinedReceipt[] = [];
    for (const step of this.#steps) {
      const receipt = await this.#reach(step, ['final']);
      // A reorganisation could have made a contract elsewhere than where later steps were told that it is.
      assert(this.#madeBy(step, receipt) === this.#made.get(step.name), `${step.name} is not where the later steps believe it`);
      receipts.push(receipt);
    }
    return this.#deployment(receipts);
  }

  #madeBy(step: Step, receipt: MinedReceipt): Hex | undefined {
    return receipt.contractAddress ?? step.at?.(this.#made);
  }

  #id(step: Step): OutboxId {
    return derivedId(keccak_256(concat(utf8('cairn.deploy'), uintBytes(this.#options.client.chainId, 8), fromHex(this.#deployer), utf8(step.name))));
  }

  async #ask(step: Step): Promise<void> {
    try {
      await this.#outbox.enqueue({ id: this.#id(step), purpose: 'deploy', ...step.build(this.#made) });
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'chain/transaction-differs') throw error;
      throw new Problem(
        'chain/deployment-differs',
        `A deployment with other parameters was begun: its step "${step.name}" was another.`,
        { step: step.name },
        error,
      );
    }
  }

  async #reach(step: Step, states: readonly string[]): Promise<MinedReceipt> {
    const { rest = () => sleep(200), signal } = this.#options;
    for (;;) {
      signal?.throwIfAborted();
      const transaction = await this.#outbox.transaction(this.#id(step));
      if (transaction.receipt?.status === 'success' && states.includes(transaction.state)) return transaction.receipt;
      await this.#outbox.tick();
      if (this.#refused) {
        const why = this.#refused.error ? `${this.#refused.error.name}(${this.#refused.error.args.join(', ')})` : this.#refused.reason;
        throw new Problem('chain/deployment-failed', `Step "${step.name}" of the deployment was refused: ${why}.`, { step: step.name, ...this.#refused });
      }
      const after = await this.#outbox.transaction(this.#id(step));
      if (!states.includes(after.state)) await rest();
    }
  }

  #deployment(receipts: readonly MinedReceipt[]): Deployment {
    const first = receipts.reduce((earliest, receipt) => (receipt.blockNumber < earliest.blockNumber ? receipt : earliest));
    return {
      chainId: this.#options.client.chainId,
      safe: this.#made.get('safe')!,
      safeContracts: safeContracts(this.#shared, this.#made),
      timelock: this.#made.get('timelock')!,
      anchor: this.#made.get('anchor')!,
      vault: this.#made.get('vault')!,
      tokens: this.#options.tokens.map((token) => ({ symbol: token.symbol, decimals: token.decimals, address: tokenAddress(token, this.#made) })),
      deployer: this.#deployer,
      block: { number: first.blockNumber, hash: first.blockHash },
    };
  }
}
