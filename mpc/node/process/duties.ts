/** What a node writes down when something happens that must outlive the process. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Problem, toHex, utf8, type Clock, type Hex } from '#base';
import type { Abort, PartyId } from '#mpc/protocol';
import type { AuditLog } from '../audit/audit.ts';
import { call, type Evidence, type Group } from '../ceremony/ceremony.ts';
import { writeDurably } from '../files/files.ts';
import type { Key } from '../session/session.ts';
import type { NodeStore, PeersMemory } from '../store/store.ts';
import { MEMORY } from './routes.ts';

const CHECKS: Readonly<Record<string, string>> = { 'mpc/ot-check-failed': 'ote', 'mpc/rvole-check-failed': 'rvole', 'mpc/product-check-failed': 'check-3-4' };

/** POISON (digest 12): in the audit log, then in the store, durable when it resolves. */
export async function poison(
  { store, audit, clock }: { readonly store: NodeStore; readonly audit: AuditLog; readonly clock: Clock },
  key: Key,
  peer: PartyId,
  abort: Abort,
  sid: Hex | undefined,
): Promise<void> {
  const { generation } = key.pair(peer).secrets;
  const check = CHECKS[abort.problem.code] ?? abort.problem.code;
  const session = sid ?? (`0x${'00'.repeat(32)}` as const);
  const atMs = clock.nowMs();
  const head = await audit.append({ kind: 'poisoned', atMs, data: { ...key.ref, peer, generation, sid: session, check } });
  await store.poison({ ...key.ref, peer, generation, sid: session, check, audit: head, atMs });
}

const bytes = (length: number) => z.templateLiteral(['0x', z.string().regex(new RegExp(`^[0-9a-f]{${2 * length}}$`))]);
const count = z.int().min(0);
/** Amounts without a sign: one below nothing would give back what was spent. */
const debit = z.strictObject({
  chainId: z.string().regex(/^[1-9][0-9]{0,19}$/),
  token: bytes(20),
  payee: bytes(20),
  amount: z.string().regex(/^(?:0|[1-9][0-9]{0,38})$/),
  incoming: z.literal(true).optional(),
});
const poisoning = z.strictObject({
  event: z.literal('poisoned'),
  keyId: z.string().min(1).max(100),
  epochId: bytes(32),
  peer: z.int().min(1).max(255),
  generation: count,
  sid: bytes(32),
  check: z.string().regex(/^[a-z0-9/-]{1,64}$/),
  audit: z.strictObject({ seq: count, hash: bytes(32) }),
  atMs: count,
});
const memory = z.strictObject({ spent: z.array(z.strictObject({ digest: bytes(32), atMs: count, debits: z.array(debit) })), poisonings: z.array(poisoning) });

/** What a peer answers to `store/memory`; wire/bad-frame where it is none. It is the peer's word, so that nothing in it may loosen anything, nor be of a shape that this node stumbles over later. */
export function memoryFromJson(answer: Uint8Array): PeersMemory {
  const read = memory.safeParse(parsed(answer));
  if (!read.success) throw new Problem('wire/bad-frame', 'A peer answers with something that is no memory of it.');
  const { spent, poisonings } = read.data;
  return {
    spent: spent.map(({ debits, ...rest }) => ({
      ...rest,
      debits: debits.map(({ amount, incoming, ...moved }) => ({ ...moved, amount: BigInt(amount), ...(incoming && { incoming }) })),
    })),
    poisonings,
  };
}

function parsed(json: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(json).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** What a restored node spent and whom it poisoned its backup does not know; its peers do (digest 11.3). */
export async function recall(group: Group, store: NodeStore, peer: PartyId, nowMs: number): Promise<void> {
  await store.remember(await memoryAt(group, peer, 0), nowMs);
}

/** What was spent of the limits counts for a node that joins a key as for those who were there; whom they poisoned it has no pair with yet. */
export async function recallSpent(group: Group, store: NodeStore, nowMs: number): Promise<void> {
  for (const peer of group.peers.keys()) await store.remember({ ...(await memoryAt(group, peer, 5_000)), poisonings: [] }, nowMs);
}

async function memoryAt(group: Group, peer: PartyId, resendForMs: number): Promise<PeersMemory> {
  return memoryFromJson(await call(group, peer, MEMORY, new Uint8Array(), { timeoutMs: 5_000, resendForMs }));
}

/** Signed messages of a ceremony that somebody spoiled: to be shown to the other operators. */
export async function keepEvidence(folder: string, id: Hex, evidence: readonly Evidence[]): Promise<void> {
  await mkdir(join(folder, 'evidence'), { recursive: true, mode: 0o700 });
  const lines = evidence.map(({ from, round, statement }) => JSON.stringify({ from, round, statement: toHex(statement) }));
  await writeDurably(join(folder, 'evidence', `${id.slice(2, 18)}.ndjson`), utf8(`${lines.join('\n')}\n`));
}
