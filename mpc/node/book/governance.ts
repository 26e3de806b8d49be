import { decodeFunctionData, encodeFunctionData, parseAbi, toFunctionSignature, type AbiFunction, type AbiParameter } from 'viem';
import { toHex, type Hex } from '#base';
import { intentDigest, type GovernanceIntent } from '#custody/intents';
import { refuse, type ContractFact, type DecodedCall, type GovernanceFacts, type Refusal, type Registration } from './core/core.ts';

type Contract = 'timelock' | 'anchor' | 'vault' | 'safe';

/** Every function that governance can call, and no other: a second spelling, compared with what the compiler says by a test. */
export const CALLS: Readonly<Record<Contract, readonly AbiFunction[]>> = {
  timelock: parseAbi([
    'function schedule(address target, uint256 value, bytes data, bytes32 predecessor, bytes32 salt, uint256 delay)',
    'function scheduleBatch(address[] targets, uint256[] values, bytes[] payloads, bytes32 predecessor, bytes32 salt, uint256 delay)',
    'function cancel(bytes32 id)',
    'function execute(address target, uint256 value, bytes payload, bytes32 predecessor, bytes32 salt) payable',
    'function executeBatch(address[] targets, uint256[] values, bytes[] payloads, bytes32 predecessor, bytes32 salt) payable',
    'function grantRole(bytes32 role, address account)',
    'function revokeRole(bytes32 role, address account)',
    'function renounceRole(bytes32 role, address callerConfirmation)',
    'function updateDelay(uint256 newDelay)',
  ]),
  anchor: parseAbi([
    'function acceptOwnership()',
    'function transferOwnership(address newOwner)',
    'function setGuardian(address newGuardian)',
    'function setPoster(address newPoster)',
    'function pause()',
    'function unpause()',
  ]),
  vault: parseAbi([
    'function acceptOwnership()',
    'function transferOwnership(address newOwner)',
    'function setGuardian(address newGuardian)',
    'function setSigner(address newSigner)',
    'function pause()',
    'function unpause()',
    'function list(address token, uint96 perTransaction, uint96 perDay, address prober, uint256 probe)',
    'function setCaps(address token, uint96 perTransaction, uint96 perDay)',
    'function unlist(address token)',
  ]),
  // Safe 1.4.1, OwnerManager, ModuleManager and GuardManager: what it can do to itself.
  safe: parseAbi([
    'function addOwnerWithThreshold(address owner, uint256 _threshold)',
    'function removeOwner(address prevOwner, address owner, uint256 _threshold)',
    'function swapOwner(address prevOwner, address oldOwner, address newOwner)',
    'function changeThreshold(uint256 _threshold)',
    'function enableModule(address module)',
    'function disableModule(address prevModule, address module)',
    'function setGuard(address guard)',
    'function setFallbackHandler(address handler)',
  ]),
};

/** A timelock inside a timelock inside a timelock says nothing that two do not. */
const MAX_DEPTH = 3;

/** The call that the Safe is to make, decoded to the last byte. What it may be is the policy's business; what cannot be read is refused. */
export function judgeGovernance(registration: Registration, intent: GovernanceIntent): GovernanceFacts | Refusal {
  if (intent.value !== 0n) return refuse('call-only', `It sends ${intent.value} wei to ${intent.to}`);
  const call = decode(registration, intent.to, 0n, intent.data, 0);
  if ('rule' in call) return call;
  const { safe, chainId } = registration;
  const contracts: ContractFact[] = [{ role: 'safe', address: safe }];
  for (const { contract, address } of flat(call)) if (!contracts.some((known) => known.address === address)) contracts.push({ role: contract, address });
  const description = describe(call, 0);
  return { kind: 'governance', chainId, contracts, payments: [], digest: toHex(intentDigest(intent)), nonce: intent.nonce, call, description };
}

function contractAt({ timelock, anchor, vault, safe }: Registration, address: Hex): Contract | undefined {
  return (
    [
      ['timelock', timelock],
      ['anchor', anchor],
      ['vault', vault],
      ['safe', safe],
    ] as const
  ).find(([, known]) => known === address)?.[0];
}

function decode(registration: Registration, to: Hex, value: bigint, data: Hex, depth: number): DecodedCall | Refusal {
  const contract = contractAt(registration, to);
  if (!contract) return refuse('call-decoded', `It calls ${to}, which is none of the registered contracts`);
  if (value !== 0n) return refuse('call-only', `It sends ${value} wei to the ${contract}`);
  if (depth > MAX_DEPTH) return refuse('call-decoded', `It calls the timelock through itself more than ${MAX_DEPTH} times`);
  const abi = CALLS[contract];
  const read = readCall(abi, data);
  if (!read)
    return refuse('call-decoded', `It calls the ${contract} with ${data.slice(0, 10)} and ${(data.length - 2) / 2} bytes, which no known function takes`);
  const { fn, values } = read;
  const calls: DecodedCall[] = [];
  for (const inner of innerCalls(contract, fn.name, values)) {
    const decoded = 'rule' in inner ? inner : decode(registration, inner.to, inner.value, inner.data, depth + 1);
    if ('rule' in decoded) return decoded;
    calls.push(decoded);
  }
  const args = fn.inputs.map((input, i) => ({ name: input.name ?? '', type: input.type, value: shown(input, values[i]) }));
  return { contract, address: to, signature: toFunctionSignature(fn), name: fn.name, args, calls };
}

/** Null where no function takes it, or where it has another spelling than the encoder's: bytes that nobody reads could be read otherwise by a person. */
function readCall(abi: readonly AbiFunction[], data: Hex): { readonly fn: AbiFunction; readonly values: readonly unknown[] } | null {
  try {
    const { functionName, args = [] } = decodeFunctionData({ abi: [...abi], data });
    const fn = abi.find(({ name }) => name === functionName);
    if (!fn || encodeFunctionData({ abi: [fn], functionName, args: [...args] }) !== data) return null;
    return { fn, values: args };
  } catch {
    return null;
  }
}

interface InnerCall {
  readonly to: Hex;
  readonly value: bigint;
  readonly data: Hex;
}

function innerCalls(contract: Contract, name: string, values: readonly unknown[]): readonly (InnerCall | Refusal)[] {
  if (contract !== 'timelock') return [];
  if (name === 'schedule' || name === 'execute') {
    const [to, value, data] = values as readonly [Hex, bigint, Hex];
    return [{ to: to.toLowerCase() as Hex, value, data }];
  }
  if (name !== 'scheduleBatch' && name !== 'executeBatch') return [];
  const [targets, amounts, payloads] = values as readonly [readonly Hex[], readonly bigint[], readonly Hex[]];
  if (targets.length !== amounts.length || targets.length !== payloads.length || targets.length === 0)
    return [refuse('call-decoded', `Its batch has ${targets.length} targets, ${amounts.length} values and ${payloads.length} payloads`)];
  return targets.map((to, i) => ({ to: to.toLowerCase() as Hex, value: amounts[i]!, data: payloads[i]! }));
}

function shown({ type }: AbiParameter, value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item: unknown) => shown({ type: type.replace(/\[\]$/, '') }, item)).join(', ')}]`;
  return type === 'address' ? String(value).toLowerCase() : String(value);
}

function flat(call: DecodedCall): readonly DecodedCall[] {
  return [call, ...call.calls.flatMap(flat)];
}

function describe({ contract, name, args, calls }: DecodedCall, depth: number): readonly string[] {
  const own = `${'  '.repeat(depth)}${contract}.${name}(${args.map((arg) => `${arg.name} ${arg.value}`).join(', ')})`;
  return [own, ...calls.flatMap((call) => describe(call, depth + 1))];
}
