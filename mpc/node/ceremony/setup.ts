import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Problem, type ProblemCode } from '#base';
import type { SetupParameters } from '#mpc/protocol';
import type { NewPair } from '../store/store.ts';
import type { SetupSaid } from './setupWorker.ts';
import type { Talk } from './talk.ts';

/** Rounds of a set-up: nonce, exchange, opening. */
export const SETUP_ROUNDS = 3;

/** Runs section 4 with one peer in a thread of its own; what comes back is to be sealed and wiped. */
export async function setUpPair(parameters: SetupParameters, talk: Talk): Promise<NewPair> {
  const { peer, generation } = parameters;
  const worker = new Worker(new URL('./setupWorker.ts', import.meta.url), { workerData: parameters });
  try {
    const said = queueOf(worker);
    for (let round = 0; round < SETUP_ROUNDS; round++) {
      const { bytes } = expect('message', await said.next());
      const answer = await talk.each(round, new Map([[peer, bytes]]));
      worker.postMessage(answer.get(peer)!, []);
    }
    const { pair, setupId } = expect('done', await said.next());
    return { peer, generation, setupId, secrets: pair };
  } finally {
    await worker.terminate();
  }
}

function expect<Kind extends SetupSaid['kind']>(kind: Kind, said: SetupSaid): Extract<SetupSaid, { kind: Kind }> {
  if (said.kind === 'problem') throw new Problem(said.code as ProblemCode, said.detail, said.facts);
  if (said.kind !== kind) throw new Problem('wire/failed', `The thread of a set-up said ${said.kind} where ${kind} was due.`);
  return said as Extract<SetupSaid, { kind: Kind }>;
}

/** What the thread says, in order; its failure where it fails, also where it ends too early. */
function queueOf(worker: Worker): { next(): Promise<SetupSaid> } {
  const said = on(worker, 'message', { close: ['exit'] });
  return {
    next: async () => {
      const { done, value } = await said.next();
      if (done === true) throw new Problem('wire/failed', 'The thread of a set-up ended before its end.');
      return (value as [SetupSaid])[0];
    },
  };
}
