import { Problem } from '#base';

/** One JSON-RPC request. A node that does not answer is `chain/unreachable`, one that answers with an error `chain/refused-by-node`. */
export type Rpc = <Result>(method: string, ...params: readonly unknown[]) => Promise<Result>;

/** JSON-RPC over HTTP by hand: the supervisor speaks to the node it started in methods that are anvil's own, which client libraries do not have. */
export function jsonRpc(url: string): Rpc {
  return async <Result>(method: string, ...params: readonly unknown[]) => {
    const answer = await post(url, { jsonrpc: '2.0', id: 1, method, params }).catch((cause: unknown) => {
      throw new Problem('chain/unreachable', `The local chain does not answer at ${url}.`, { method }, cause);
    });
    if (answer.error) throw new Problem('chain/refused-by-node', `The local chain refused ${method}: ${answer.error.message}.`, { method });
    return answer.result as Result;
  };
}

async function post(url: string, body: unknown): Promise<{ result?: unknown; error?: { message: string } }> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return (await response.json()) as { result?: unknown; error?: { message: string } };
}
