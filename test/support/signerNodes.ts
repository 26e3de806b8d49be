import { mkdirSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Problem, toHex, utf8 } from '#base';
import { signatureOf, type Custody } from '#custody';
import { roleOf, ROLES } from '#custody/intents';
import { requestFromJson } from '#custody/requests';
import { identityOf, listen, openPins, WIRE_LIMITS } from '#mpc/node/wire';

/** Two nodes in the place of real ones, for tests of whoever asks them: they speak the wire's own protocol, and each signs alone with a whole key. Returns what ends them. */
export async function standInSigners(folder: string, custody: Custody): Promise<() => Promise<void>> {
  mkdirSync(folder, { recursive: true });
  const seed = randomBytes(32);
  const coordinator = identityOf(seed);
  const keys = await Promise.all(ROLES.map(async (role) => ({ role, address: await custody.address(role), t: 2 })));
  const nodes = await Promise.all(
    [1, 2].map(async (id) => {
      const identity = identityOf(randomBytes(32));
      const pins = openPins({ own: identity.fingerprint, peers: new Map(), coordinators: [coordinator.fingerprint], operators: [] });
      const answer = async (method: string, payload: Uint8Array): Promise<unknown> => {
        if (method === 'keys/list') return keys;
        if (method !== 'sign/ask') throw new Problem('wire/not-allowed', `There is no call ${method}.`);
        const { intent } = requestFromJson(payload);
        return { signature: await signatureOf(custody, roleOf(intent), intent, { patienceMs: 5_000 }) };
      };
      const listener = await listen({
        identity,
        pins,
        host: '127.0.0.1',
        port: 0,
        limits: WIRE_LIMITS,
        answer: async (_caller, method, payload) => utf8(JSON.stringify(await answer(method, payload))),
        onEvent: () => undefined,
      });
      return { listener, known: { id, host: '127.0.0.1', port: listener.port, fingerprint: identity.fingerprint } };
    }),
  );
  writeFileSync(join(folder, 'coordinator.key'), `${toHex(seed)}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'signers.json'), JSON.stringify({ format: 'cairn-signers/1', threshold: 2, nodes: nodes.map(({ known }) => known) }));
  return async () => void (await Promise.all(nodes.map(({ listener }) => listener.close())));
}
