import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, derivedId, fromHex, Problem, uintBytes, utf8, type Clock, type Hex, type TimeMs } from '#base';
import { encodeSweep, type Outbox, type OutboxId, type OutboxTransaction, type Rebuilt, type StrayReader } from '#chain';
import type { Custody } from '#custody';
import { ROLES, sweepNonce, type AuthorisationIntent, type Role } from '#custody/intents';

export interface SweepDependencies {
  readonly chainId: bigint;
  readonly vaultAddress: Hex;
  /** The least that is fetched of each token, minor units: what lies there below it costs more gas than it is worth, and somebody could send it on purpose. */
  readonly least: ReadonlyMap<Hex, bigint>;
  readonly custody: Custody;
  readonly outbox: Pick<Outbox, 'enqueue' | 'transaction'>;
  readonly stray: StrayReader;
  readonly clock: Clock;
  /** How long a transaction that the vault or the token refused waits for its next try. */
  readonly retryAfterMs: TimeMs;
  readonly report: (progress: SweepProgress) => void;
}

/** One step, for whoever watches; each is told once. */
export interface SweepProgress {
  readonly token: Hex;
  readonly holder: Role;
  readonly amount: bigint;
  readonly step: 'found' | 'bringing' | 'refused' | 'unsignable';
  readonly detail: string;
}

export interface Sweeper {
  /** One pass: what lies at an address of our keys is authorised into the vault, where the deposit scanner finds it. Says how much is under way. */
  tick(): Promise<number>;
  /** For the outbox, when the vault or the token refused one. */
  rebuild(): Rebuilt;
}

interface Place {
  readonly token: Hex;
  readonly holder: Role;
  readonly from: Hex;
}

/** An authorisation is good for one to two of these, so that asking again within one asks for the same. */
const PERIOD_S = 21_600;
/** Nothing is sent so shortly before it ends. */
const MARGIN_S = 600;

/**
 * Nobody is to pay to the addresses of our keys, and some day somebody does. Nothing of it is stored but the transaction: what is to be done follows from the chain, and every step is asked for by an id
 * that follows from what it does. Whose the money is nobody knows: it is booked in suspense, like every deposit without a merchant's reference.
 */
export function createSweeper(deps: SweepDependencies): Sweeper {
  /** Of what is under way, so that the amount stays the same while the signers work. */
  const asked = new Map<string, AuthorisationIntent>();
  /** By token and address: the last step. */
  const told = new Map<string, string>();
  let lookedAt = -1n;
  let open = 0;

  function report(progress: SweepProgress): void {
    const { token, holder, amount, step, detail } = progress;
    const what = `${amount} ${step} ${detail}`;
    if (told.get(`${token} ${holder}`) === what) return;
    told.set(`${token} ${holder}`, what);
    deps.report(progress);
  }

  async function tick(): Promise<number> {
    const block = await deps.stray.finalBlock();
    if (block === lookedAt && open === 0) return 0;
    const addresses = await Promise.all(ROLES.map(async (holder) => ({ holder, from: await deps.custody.address(holder) })));
    let waiting = 0;
    for (const token of deps.least.keys()) for (const at of addresses) waiting += (await sweep({ token, ...at }, block)) ? 1 : 0;
    [lookedAt, open] = [block, waiting];
    return waiting;
  }

  /** Whether anything of it is under way. */
  async function sweep(place: Place, block: bigint): Promise<boolean> {
    const { token, holder, from } = place;
    const amount = await deps.stray.balanceOf(token, from, block);
    if (amount < deps.least.get(token)!) return false;
    const intent = await intentFor(place, amount, await deps.stray.takenOf(token, from, block));
    if (!intent) return false;
    const id = sweepTransactionId(intent);
    const before = await transactionOf(id);
    // Mined and not final yet; or failed, which the next period tries again.
    if (before) return before.state !== 'failed';
    const last = await transactionOf(sweepTransactionId({ ...intent, validBeforeS: intent.validBeforeS - PERIOD_S }));
    if (last && last.state !== 'failed') return true;
    const request = await deps.custody.requestSignature(holder, intent);
    const outcome = await deps.custody.outcome(request.id);
    if (outcome.status === 'refused') {
      report({ token, holder, amount: intent.value, step: 'refused', detail: `${outcome.rule}: ${outcome.reason}` });
      return false;
    }
    if (outcome.status === 'pending') return true;
    const deadlineMs = (intent.validBeforeS - MARGIN_S) * 1_000;
    await deps.outbox.enqueue({ id, purpose: 'sweep', to: deps.vaultAddress, data: encodeSweep(intent, outcome.signature), deadlineMs });
    report({ token, holder, amount: intent.value, step: 'bringing', detail: from });
    return true;
  }

  async function intentFor({ token, holder, from }: Place, value: bigint, index: number): Promise<AuthorisationIntent | null> {
    const nowS = Math.floor(deps.clock.nowMs() / 1_000);
    const key = `${token} ${from}`;
    const before = asked.get(key);
    if (before?.index === index && before.validBeforeS - MARGIN_S > nowS) return before;
    const domain = await deps.stray.domainOf(token);
    if (!domain) {
      report({ token, holder, amount: value, step: 'unsignable', detail: from });
      return null;
    }
    const validBeforeS = (Math.floor(nowS / PERIOD_S) + 2) * PERIOD_S;
    const { chainId, vaultAddress: vault } = deps;
    const intent: AuthorisationIntent = { kind: 'authorisation', chainId, vault, token, ...domain, holder, from, value, validBeforeS, index };
    asked.set(key, intent);
    report({ token, holder, amount: value, step: 'found', detail: from });
    return intent;
  }

  async function transactionOf(id: OutboxId): Promise<OutboxTransaction | null> {
    try {
      return await deps.outbox.transaction(id);
    } catch (error) {
      if (error instanceof Problem && error.code === 'chain/transaction-unknown') return null;
      throw error;
    }
  }

  return { tick, rebuild: () => ({ kind: 'retry', notBeforeMs: deps.clock.nowMs() + deps.retryAfterMs }) };
}

/** One transaction an authorisation and period: asked for again after a crash it is the same, whatever has arrived meanwhile. */
function sweepTransactionId(intent: AuthorisationIntent): OutboxId {
  return derivedId(keccak_256(concat(utf8('cairn.sweep.transaction'), fromHex(sweepNonce(intent)), uintBytes(BigInt(intent.validBeforeS), 8))));
}
