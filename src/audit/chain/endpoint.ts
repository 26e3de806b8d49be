import { JsonRpcProvider } from 'ethers';
import { Problem } from '#base';

/** Works with an endpoint and hangs up. What the endpoint does wrong is `audit/endpoint-failed`; what `work` itself refuses stays what it is. */
export async function withEndpoint<T>(rpcUrl: string, work: (provider: JsonRpcProvider) => Promise<T>): Promise<T> {
  const provider = new JsonRpcProvider(rpcUrl, undefined, { staticNetwork: true, batchMaxCount: 1 });
  try {
    return await work(provider);
  } catch (error) {
    if (error instanceof Problem) throw error;
    const { shortMessage, message, code } = error as { shortMessage?: string; message?: string; code?: unknown };
    // ethers and Node give every failure of an endpoint a code; an error without one is our own bug.
    if (typeof code !== 'string') throw error;
    throw new Problem('audit/endpoint-failed', `The endpoint does not answer as a chain does: ${shortMessage ?? message ?? code}.`, {}, error);
  } finally {
    provider.destroy();
  }
}

/** The newest block that the endpoint calls final; the newest of all where it knows no finality. */
export async function finalBlockOf(provider: JsonRpcProvider): Promise<{ readonly number: number; readonly timestamp: number }> {
  const block = (await provider.getBlock('finalized')) ?? (await provider.getBlock('latest'));
  if (!block) throw new Problem('audit/endpoint-failed', 'The endpoint has no blocks.');
  return block;
}
