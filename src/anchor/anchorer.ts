import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, derivedId, fromHex, Problem, toHex, uintBytes, utf8, type Clock, type Uuid } from '#base';
import { signatureOf, type Custody } from '#custody';
import { intentDigest, isSignatureBy, type AnchorIntent } from '#custody/intents';
import { inTransaction, violatedConstraint, type Database } from '#db';
import { anchorTree, appendLeaf, commitment, EMPTY_LOG } from './core/core.ts';
import {
  anchorOrphaned,
  anchorSeen,
  anchorSent,
  anchorSigned,
  batchesToAnchor,
  headBefore,
  insertAnchor,
  lastAnchor,
  openAnchors,
  type AnchorRow,
} from './logStore.ts';
import type { AnchorChain, AnchoredEvent, AnchorOutbox, AnchorProgress, AnchorState } from './types.ts';

export interface AnchorerOptions {
  readonly database: Database;
  readonly chain: AnchorChain;
  readonly outbox: AnchorOutbox;
  readonly custody: Custody;
  readonly clock: Clock;
  /** Milliseconds to wait for the poster's signature in one pass; the next pass asks for the same one again. */
  readonly signingPatienceMs: number;
  /** Milliseconds that a sealed batch waits for those of other books before a leaf is opened: more books a leaf, and so much more of the greatest unanchored age. None where there is one book. */
  readonly gatherMs?: number;
}

export interface Anchorer {
  /** One pass: what the chain has, what is to be signed or sent, and the next leaf. Safe to call at any time and after any crash. Returns what changed. */
  tick(): Promise<readonly AnchorProgress[]>;
}

const ANCHOR_PURPOSE = 'anchor';
const RETRY_AFTER_MS = 1_000;

/** Brings sealed batches of all books into the deployment's log: one leaf at a time on its way to a block, any number waiting to become final. */
export function createAnchorer(options: AnchorerOptions): Anchorer {
  options.outbox.rebuildWith(ANCHOR_PURPOSE, async ({ id }) => {
    // Refused while the log is not where this leaf belongs: behind it after a reorganisation, or past it because somebody else relayed the same signature.
    const row = (await openAnchors(options.database.pool)).find(({ outboxId }) => outboxId === id);
    const isSettled = !row || (await options.chain.anchored(row.index)).some(({ index, isFinal }) => index === row.index && isFinal);
    return isSettled ? { kind: 'giveUp' } : { kind: 'retry', notBeforeMs: options.clock.nowMs() + RETRY_AFTER_MS };
  });
  return {
    tick: async () => {
      const seen = await observe(options);
      const opened = await openNext(options);
      return [...seen, ...opened, ...(await send(options))];
    },
  };
}

/** Compares the open leaves with the Anchored events: forward to mined and final, back to sent where a reorganisation took the block away. */
async function observe({ database, chain, clock }: AnchorerOptions): Promise<AnchorProgress[]> {
  const open = await openAnchors(database.pool);
  const next = open[0]?.index ?? ((await lastAnchor(database.pool))?.index ?? -1n) + 1n;
  const events = new Map((await chain.anchored(next)).map((event) => [event.index, event]));
  for (const event of events.values()) checkEvent(event, open);
  const changes: AnchorProgress[] = [];
  for (const row of open) {
    const event = events.get(row.index);
    const to = stateOf(row.state, event);
    if (to === row.state) continue;
    if (event) await anchorSeen(database.pool, event, to as 'mined' | 'final', clock.nowMs());
    else await anchorOrphaned(database.pool, row.index);
    changes.push({ index: row.index, from: row.state, to, transactionHash: event?.transactionHash ?? null });
  }
  return changes;
}

/** Only the poster's key can append: a leaf in the log that this database does not know, or knows otherwise, is an alarm. */
function checkEvent(event: AnchoredEvent, open: readonly AnchorRow[]): void {
  const row = open.find(({ index }) => index === event.index);
  if (!row || row.state === 'intent') {
    throw new Problem('anchor/log-diverged', `The chain has leaf ${event.index}, which this database never sent.`, { index: event.index.toString() });
  }
  if (toHex(row.leaf) !== event.leaf || toHex(row.commitment) !== event.commitment) {
    throw new Problem('anchor/log-diverged', `Leaf ${event.index} of the chain is not that of this database.`, { index: event.index.toString() });
  }
}

/** What the chain says about a leaf that was `state` before. One that left just before a crash is sent again first, which changes nothing but its state. */
function stateOf(state: AnchorState, event: AnchoredEvent | undefined): AnchorState {
  if (state === 'signed') return state;
  if (event) return event.isFinal ? 'final' : 'mined';
  return state === 'mined' ? 'sent' : state;
}

/** Takes the oldest waiting batch of every book into the next leaf, unless a leaf before it is still on its way to a block: what is sealed meanwhile waits for the next one together. */
async function openNext({ database, clock, gatherMs = 0 }: AnchorerOptions): Promise<AnchorProgress[]> {
  const last = await lastAnchor(database.pool);
  if (last && last.state !== 'mined' && last.state !== 'final') return [];
  try {
    return await inTransaction(database.pool, async (client) => {
      const waiting = await batchesToAnchor(client);
      const nowMs = clock.nowMs();
      if (!waiting.some(({ sealedMs }) => nowMs - sealedMs >= gatherMs)) return [];
      const tree = anchorTree(waiting);
      const before = last?.head ?? EMPTY_LOG;
      const head = appendLeaf(before, tree.leaf);
      await insertAnchor(client, {
        index: before.count,
        leaf: tree.leaf,
        previous: commitment(before),
        commitment: commitment(head),
        head,
        batches: waiting,
        createdMs: nowMs,
      });
      return [{ index: before.count, from: null, to: 'intent', transactionHash: null }];
    });
  } catch (error) {
    // Another process opened the same leaf: that one counts.
    if (violatedConstraint(error) === 'anchor_pk') return [];
    throw error;
  }
}

async function send(options: AnchorerOptions): Promise<AnchorProgress[]> {
  const changes: AnchorProgress[] = [];
  for (const row of await openAnchors(options.database.pool)) {
    if (row.state === 'mined') continue;
    const signed = (await isSignedByPoster(options, row)) ? row : await sign(options, row);
    if (!signed) break;
    if (signed.state === 'sent' && !(await hasFailed(options, signed))) continue;
    await enqueue(options, signed);
    if (signed.state !== 'sent') changes.push({ index: row.index, from: row.state, to: 'sent', transactionHash: null });
  }
  return changes;
}

function intentOf(chain: AnchorChain, { previous, leaf }: AnchorRow): AnchorIntent {
  return { kind: 'anchor', chainId: chain.chainId, anchor: chain.anchorAddress, previous: toHex(previous), leaf: toHex(leaf) };
}

/** False also for a signature of before governance replaced the poster: the contract takes it no more. Where nobody says which key the poster is, nobody can sign anew either, and the one that is there stands. */
async function isSignedByPoster({ chain, custody }: AnchorerOptions, row: AnchorRow): Promise<boolean> {
  if (row.signature === null) return false;
  try {
    return isSignatureBy(await custody.address('poster'), intentDigest(intentOf(chain, row)), row.signature);
  } catch (error) {
    if (error instanceof Problem && error.code === 'custody/no-answer') return true;
    throw error;
  }
}

/** The row with its signature stored. Undefined while the signers have not answered: the next pass asks for the same signature. */
async function sign({ database, chain, custody, signingPatienceMs }: AnchorerOptions, row: AnchorRow): Promise<AnchorRow | undefined> {
  try {
    const signature = await signatureOf(custody, 'poster', intentOf(chain, row), { patienceMs: signingPatienceMs });
    // What carried the signature of before may still be in the outbox: the new one goes by another transaction.
    const signed: AnchorRow = { ...row, state: 'signed', signature, attempts: row.state === 'intent' ? row.attempts : row.attempts + 1 };
    await anchorSigned(database.pool, row, signed);
    return signed;
  } catch (error) {
    if (error instanceof Problem && error.code === 'custody/no-answer') return undefined;
    throw error;
  }
}

async function hasFailed({ outbox }: AnchorerOptions, row: AnchorRow): Promise<boolean> {
  return (await outbox.transaction(row.outboxId!)).state === 'failed';
}

/** The stored leaf, signature and peaks make the same bytes every time, until another key is the poster. A transaction that failed for good is followed by another with the same bytes. */
async function enqueue({ database, chain, outbox }: AnchorerOptions, seen: AnchorRow): Promise<void> {
  const { index } = seen;
  const row = (await openAnchors(database.pool)).find((open) => open.index === index);
  // Another process brought it further meanwhile.
  if (!row?.signature) return;
  // By what was seen when this pass decided: whoever decides the same at the same time asks for the same transaction.
  const attempts = seen.state === 'sent' ? seen.attempts + 1 : seen.attempts;
  const id = outboxIdOf(chain, row, attempts);
  const before = await headBefore(database.pool, index);
  const data = chain.encodeAnchor({ leaf: toHex(row.leaf), count: before.count, peaks: before.peaks.map(toHex), signature: row.signature });
  await outbox.enqueue({ id, purpose: ANCHOR_PURPOSE, to: chain.anchorAddress, data });
  await anchorSent(database.pool, index, id, attempts);
}

function outboxIdOf(chain: AnchorChain, row: AnchorRow, attempts: number): Uuid<'outbox'> {
  return derivedId(keccak_256(concat(utf8('cairn.anchor'), fromHex(chain.anchorAddress), row.commitment, uintBytes(attempts, 4))));
}
