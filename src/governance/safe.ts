import ProtocolKit, { EthSafeSignature } from '@safe-global/protocol-kit';
import { assert, toHex, type Hex } from '#base';
import type { Governing } from './context.ts';
import { lower, proposalDigest, ZERO_ADDRESS, type Call, type Proposal, type SafeTransaction } from './core/core.ts';

// The kit's types describe its CommonJS build, where the class is one `default` deeper than in the module that Node loads.
const Kit = ProtocolKit as unknown as typeof ProtocolKit.default;
type SafeKit = Awaited<ReturnType<typeof Kit.init>>;

/** The Safe through Safe's own protocol kit: a second opinion about every hash and encoding of ours. */
export interface SafeSession {
  readonly owners: readonly Hex[];
  readonly threshold: number;
  /** Number of its next transaction. */
  readonly nonce: bigint;
  /** The Safe's next transaction, a plain call that refunds nobody. */
  next(call: Call): Promise<SafeTransaction>;
  /** Calldata of execTransaction with the signatures collected. Its hash was asked of the Safe on the chain, and is ours. */
  execution(proposal: Proposal): Promise<Hex>;
}

export async function openSafe({ client, deployment }: Governing): Promise<SafeSession> {
  const { safe, safeContracts: shared, chainId } = deployment;
  const contractNetworks = {
    [chainId]: {
      safeSingletonAddress: shared.singleton,
      safeProxyFactoryAddress: shared.factory,
      fallbackHandlerAddress: shared.fallbackHandler,
      multiSendAddress: shared.multiSend,
      multiSendCallOnlyAddress: shared.multiSendCallOnly,
    },
  };
  // In `read`, so that failures of the chain inside the kit come out as ours.
  const ask = <T>(what: string, action: (kit: SafeKit) => Promise<T>): Promise<T> => client.read(what, () => action(kit));
  const kit = await client.read('the Safe', () => Kit.init({ provider: client.rpcUrl, safeAddress: safe, contractNetworks }));

  const transactionOf = async (call: Call, nonce: bigint) =>
    kit.createTransaction({
      transactions: [{ to: call.to, value: String(call.value), data: call.data, operation: 0 }],
      options: { safeTxGas: '0', baseGas: '0', gasPrice: '0', gasToken: ZERO_ADDRESS, refundReceiver: ZERO_ADDRESS, nonce: Number(nonce) },
    });
  const nonce = BigInt(await ask('the Safe’s nonce', () => kit.getNonce()));
  return {
    owners: (await ask('the Safe’s owners', () => kit.getOwners())).map(lower).sort(),
    threshold: await ask('the Safe’s threshold', () => kit.getThreshold()),
    nonce,
    next: async (call) => {
      const { data } = await ask('a transaction of the Safe', () => transactionOf(call, nonce));
      return {
        to: lower(data.to),
        value: BigInt(data.value),
        data: lower(data.data),
        operation: data.operation,
        safeTxGas: BigInt(data.safeTxGas),
        baseGas: BigInt(data.baseGas),
        gasPrice: BigInt(data.gasPrice),
        gasToken: lower(data.gasToken),
        refundReceiver: lower(data.refundReceiver),
        nonce: BigInt(data.nonce),
      };
    },
    execution: ({ transaction, signatures }) =>
      ask('an execution of the Safe', async () => {
        const built = await transactionOf(transaction, transaction.nonce);
        const hash = await kit.getTransactionHash(built);
        assert(hash === toHex(proposalDigest(deployment, transaction)), 'the Safe on the chain hashes the transaction as we do');
        for (const { owner, signature } of signatures) built.addSignature(new EthSafeSignature(owner, signature));
        return lower(await kit.getEncodedTransaction(built));
      }),
  };
}
