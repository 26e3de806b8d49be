import { encodeDeployData, encodeFunctionData, keccak256, stringToBytes, type Abi } from 'viem';
import { assert, toHex, uuidBytes, type Hex } from '#base';
import { LEDGER_ANCHOR_ABI } from '../abi/ledger-anchor.ts';
import { SETTLEMENT_VAULT_ABI } from '../abi/settlement-vault.ts';
import { TEST_STABLECOIN_ABI } from '../abi/test-stablecoin.ts';
import { TIMELOCK_ABI } from '../abi/timelock.ts';
import anchorArtifact from '../artifacts/LedgerAnchor.json' with { type: 'json' };
import vaultArtifact from '../artifacts/SettlementVault.json' with { type: 'json' };
import tokenArtifact from '../artifacts/TestStablecoin.json' with { type: 'json' };
import timelockArtifact from '../artifacts/Timelock.json' with { type: 'json' };
import { createSafeCall, safeAddress, SAFE_CONTRACTS, type SafePlan } from './safe.ts';
import type { DeployOptions, SafeContracts, TokenWanted } from './types.ts';

const PROPOSER_ROLE = keccak256(stringToBytes('PROPOSER_ROLE'));

const ZERO_32: Hex = `0x${'00'.repeat(32)}`;
/** Minor units that are moved to the vault and back when a token is listed, to see that it neither takes fees nor rebases. */
const PROBE = 10_000n;

export interface Step {
  readonly name: string;
  /** Bytes of the transaction, given what the steps before it made. */
  build(made: ReadonlyMap<string, Hex>): { readonly to: Hex | null; readonly data: Hex; readonly value?: bigint };
  /** Where a contract is that another one makes for us; the receipt does not say. */
  at?(made: ReadonlyMap<string, Hex>): Hex;
}

type Plan = Pick<DeployOptions, 'book' | 'signers' | 'guardian' | 'operators' | 'timelockDelayS' | 'tokens' | 'funding'>;

/**
 * Every transaction of a deployment, in order. Safe's own contracts are made where the chain does not have them (`shared` null: a local one). Ours belong to the timelock from their first moment. The timelock begins without delay and with the deployer as its only proposer, so
 * that one batch of acts can list the tokens; the same batch takes the deployer's role away, gives it to the Safe and sets the delay. Until then there is no money in the vault.
 */
export function deploySteps(plan: Plan, deployer: Hex, shared: SafeContracts | null): Step[] {
  return [
    ...(plan.funding ?? []).map(({ to, wei }): Step => ({ name: `fund ${to}`, build: () => ({ to, data: '0x', value: wei }) })),
    ...(shared ? [] : SAFE_CONTRACTS.map(({ name, bytecode }): Step => ({ name: `safe ${name}`, build: () => ({ to: null, data: bytecode }) }))),
    safeStep(plan, shared),
    create('timelock', TIMELOCK_ABI, timelockArtifact.bytecode, () => [0n, deployer, [plan.guardian, plan.signers.owner]]),
    create('anchor', LEDGER_ANCHOR_ABI, anchorArtifact.bytecode, (made) => [of(made, 'timelock'), plan.guardian, plan.signers.poster]),
    create('vault', SETTLEMENT_VAULT_ABI, vaultArtifact.bytecode, (made) => [
      of(made, 'timelock'),
      plan.guardian,
      plan.signers.vault,
      of(made, 'anchor'),
      toHex(uuidBytes(plan.book)),
    ]),
    ...plan.tokens.flatMap((token) => tokenSteps(token, deployer)),
    { name: 'schedule', build: (made) => act(plan, deployer, made, 'scheduleBatch') },
    { name: 'execute', build: (made) => act(plan, deployer, made, 'executeBatch') },
  ];
}

/** Safe's contracts as they are shared on the chain, or as our own steps made them. */
export function safeContracts(shared: SafeContracts | null, made: ReadonlyMap<string, Hex>): SafeContracts {
  return shared ?? (Object.fromEntries(SAFE_CONTRACTS.map(({ name }) => [name, of(made, `safe ${name}`)])) as unknown as SafeContracts);
}

function safeStep(plan: Plan, shared: SafeContracts | null): Step {
  const safe = (made: ReadonlyMap<string, Hex>): SafePlan => ({
    owners: [plan.signers.owner, ...plan.operators],
    book: plan.book,
    contracts: safeContracts(shared, made),
  });
  return { name: 'safe', build: (made) => createSafeCall(safe(made)), at: (made) => safeAddress(safe(made)) };
}

/** Address of a token of the plan: the given one, or the one that its step made. */
export function tokenAddress(token: TokenWanted, made: ReadonlyMap<string, Hex>): Hex {
  return token.address ?? of(made, `token ${token.symbol}`);
}

function of(made: ReadonlyMap<string, Hex>, step: string): Hex {
  const address = made.get(step);
  assert(address, `step ${step} comes before whoever needs its address`);
  return address;
}

function create(name: string, abi: Abi, bytecode: string, args: (made: ReadonlyMap<string, Hex>) => unknown[]): Step {
  return { name, build: (made) => ({ to: null, data: encodeDeployData({ abi, bytecode: bytecode as Hex, args: args(made) }) }) };
}

function tokenSteps(token: TokenWanted, deployer: Hex): Step[] {
  const approve: Step = {
    name: `approve ${token.symbol}`,
    build: (made) => ({
      to: tokenAddress(token, made),
      data: encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'approve', args: [of(made, 'vault'), PROBE] }),
    }),
  };
  if (token.address) return [approve];
  const mint: Step = {
    name: `probe ${token.symbol}`,
    build: (made) => ({ to: tokenAddress(token, made), data: encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'mint', args: [deployer, PROBE] }) }),
  };
  const label = token.symbol;
  return [create(`token ${token.symbol}`, TEST_STABLECOIN_ABI, tokenArtifact.bytecode, () => [label, token.symbol, token.decimals, deployer]), mint, approve];
}

function act(plan: Plan, deployer: Hex, made: ReadonlyMap<string, Hex>, functionName: 'scheduleBatch' | 'executeBatch'): { to: Hex; data: Hex } {
  const timelock = of(made, 'timelock');
  const vault = of(made, 'vault');
  const role = (name: 'grantRole' | 'revokeRole', account: Hex): Hex =>
    encodeFunctionData({ abi: TIMELOCK_ABI, functionName: name, args: [PROPOSER_ROLE, account] });
  const acts: readonly (readonly [to: Hex, data: Hex])[] = [
    ...plan.tokens.map((token): [Hex, Hex] => [
      vault,
      encodeFunctionData({
        abi: SETTLEMENT_VAULT_ABI,
        functionName: 'list',
        args: [tokenAddress(token, made), token.perTransaction, token.perDay, deployer, PROBE],
      }),
    ]),
    [timelock, role('grantRole', of(made, 'safe'))],
    [timelock, role('revokeRole', deployer)],
    [timelock, encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'updateDelay', args: [BigInt(plan.timelockDelayS)] })],
  ];
  const batch = [acts.map(([to]) => to), acts.map(() => 0n), acts.map(([, data]) => data), ZERO_32, ZERO_32] as const;
  return {
    to: timelock,
    data:
      functionName === 'executeBatch'
        ? encodeFunctionData({ abi: TIMELOCK_ABI, functionName, args: batch })
        : encodeFunctionData({ abi: TIMELOCK_ABI, functionName, args: [...batch, 0n] }),
  };
}
