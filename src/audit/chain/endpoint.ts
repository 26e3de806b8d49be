import { FetchRequest, JsonRpcProvider } from 'ethers';
import { Problem } from '#base';

/** For one answer, however large; ethers would wait five minutes for one that was lost. */
const PATIENCE_MS = 30_000;

/** Works with an endpoint and hangs up. What the endpoint does wrong is `audit/endpoint-failed`; what `work` itself refuses stays what it is. */
export async function withEndpoint<T>(rpcUrl: string, work: (provider: JsonRpcProvider) => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const request = new FetchRequest(rpcUrl);
  request.timeout = patienceMs;
  const provider = new JsonRpcProvider(request, undefined, { staticNetwork: true, batchMaxCount: 1 });
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

/** Which block everything is read at: the newest that the endpoint calls final, or, asked for by name, the newest of all. */
export type FinalityTag = 'finalized' | 'latest';

/** Throws `audit/no-finality` where the endpoint knows no finality: what can be taken back is not called final by silence. */
export async function finalBlockOf(provider: JsonRpcProvider, tag: FinalityTag): Promise<{ readonly number: number; readonly timestamp: number }> {
  const block = await blockAt(provider, tag);
  if (block) return block;
  if (tag === 'latest') throw new Problem('audit/endpoint-failed', 'The endpoint has no blocks.');
  throw new Problem('audit/no-finality', 'The endpoint has no finalized block.');
}

async function blockAt(provider: JsonRpcProvider, tag: FinalityTag) {
  try {
    return await provider.getBlock(tag);
  } catch (error) {
    // Some nodes answer null to a tag that they do not know, others with an error of JSON-RPC, which ethers keeps inside its own.
    const refused = typeof (error as { readonly error?: { readonly code?: unknown } }).error?.code === 'number';
    if (tag === 'finalized' && refused) return null;
    throw error;
  }
}
