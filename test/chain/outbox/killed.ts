/** A process that sends one transaction and dies at the named point, for crash.test.ts. Arguments: database URL, RPC URL, relayer key, id, target, payload, point. */
import { systemClock, type Hex } from '#base';
import { connectChain, createOutbox, type OutboxId } from '#chain';
import { openDatabase } from '#db';

const [url, rpcUrl, relayerKey, id, to, data, point] = process.argv.slice(2) as [string, string, Hex, OutboxId, Hex, Hex, string];
const client = await connectChain({ rpcUrl, finality: { kind: 'depth', blocks: 3 } });
const outbox = createOutbox({
  database: await openDatabase({ url }),
  client,
  relayerKey,
  clock: systemClock,
  checkpoint: (at) => void (at === point && process.kill(process.pid, 'SIGKILL')),
});
await outbox.enqueue({ id, purpose: 'mint', to, data });
await outbox.tick();
