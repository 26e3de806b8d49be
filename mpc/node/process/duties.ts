/** What a node writes down when something happens that must outlive the process. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex, utf8, type Clock, type Hex } from '#base';
import type { Abort, PartyId } from '#mpc/protocol';
import type { AuditLog } from '../audit/audit.ts';
import { call, type Evidence, type Group } from '../ceremony/ceremony.ts';
import { writeDurably } from '../files/files.ts';
import type { Key } from '../session/session.ts';
import type { NodeStore, PeersMemory } from '../store/store.ts';
import { MEMORY, memoryFromJson } from './routes.ts';

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

/** What a restored node spent and whom it poisoned its backup does not know; its peers do (digest 11.3). */
export async function recall(group: Group, store: NodeStore, nowMs: number): Promise<void> {
  for (const peer of group.peers.keys()) await store.remember(await memoryAt(group, peer), nowMs);
}

/** What was spent of the limits counts for a node that joins a key as for those who were there; whom they poisoned it has no pair with yet. */
export async function recallSpent(group: Group, store: NodeStore, nowMs: number): Promise<void> {
  for (const peer of group.peers.keys()) await store.remember({ ...(await memoryAt(group, peer)), poisonings: [] }, nowMs);
}

async function memoryAt(group: Group, peer: PartyId): Promise<PeersMemory> {
  return memoryFromJson(await call(group, peer, MEMORY, new Uint8Array(), { timeoutMs: 5_000, resendForMs: 5_000 }));
}

/** Signed messages of a ceremony that somebody spoiled: to be shown to the other operators. */
export async function keepEvidence(folder: string, id: Hex, evidence: readonly Evidence[]): Promise<void> {
  await mkdir(join(folder, 'evidence'), { recursive: true, mode: 0o700 });
  const lines = evidence.map(({ from, round, statement }) => JSON.stringify({ from, round, statement: toHex(statement) }));
  await writeDurably(join(folder, 'evidence', `${id.slice(2, 18)}.ndjson`), utf8(`${lines.join('\n')}\n`));
}
