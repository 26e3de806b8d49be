import { assert, Problem, type TransferId } from '#base';
import {
  commandsOf,
  holdIdOf,
  SIDE_OF,
  verdictOf,
  type Ending,
  type InterbookTransfer,
  type ReceiverState,
  type SenderState,
  type Step,
} from '#interbook/core';
import type { Pair, Observed } from './pair.ts';

/** How a transfer ended, for good; `code` is the ledger's own word for why, where a book refused something. */
export interface Outcome {
  readonly ending: Ending;
  readonly code: string | null;
}

/** What a book says of the transfer once a step is booked. */
const AFTER: Readonly<Record<Step, { readonly sender: SenderState } | { readonly receiver: ReceiverState }>> = {
  holdSender: { sender: 'held' },
  holdReceiver: { receiver: 'held' },
  postSender: { sender: 'posted' },
  voidSender: { sender: 'voided' },
  postReceiver: { receiver: 'posted' },
  voidReceiver: { receiver: 'voided' },
  suspendReceiver: { receiver: 'suspended' },
};

/** One coordinator's work on one transfer. Whatever it believes is from a journal; where a book does not do as it is asked, it looks again. */
export class Run {
  readonly #pair: Pair;
  readonly #id: TransferId;
  /** Of the sender's hold, where this run is the one that asks for it. */
  readonly #timeoutS: number;

  constructor(pair: Pair, id: TransferId, timeoutS: number) {
    this.#pair = pair;
    this.#id = id;
    this.#timeoutS = timeoutS;
  }

  /** From the first step on: of a transfer that was begun before the books answer so. */
  async begin(transfer: InterbookTransfer): Promise<Outcome> {
    const code = await this.#ask('holdSender', transfer);
    if (code === 'created') return this.#goOn({ sender: 'held', receiver: 'absent', transfer, code: null });
    const seen = await this.#pair.observe(this.#id);
    // The command's own fault: nothing is written down, and it may be corrected under the same id.
    if (seen.sender === 'absent') return { ending: 'refused', code };
    if (seen.sender !== 'refused' && !isSame(transfer, seen)) {
      throw new Problem('interbook/id-taken', `Book ${transfer.from.book} has another transfer under the id ${this.#id}: ${code}.`, {
        transfer: this.#id,
        code,
      });
    }
    return this.#goOn(seen);
  }

  /** From wherever it is, whoever began it. */
  async resume(): Promise<Outcome> {
    return this.#goOn(await this.#pair.observe(this.#id));
  }

  async #goOn(from: Observed): Promise<Outcome> {
    let seen = from;
    let refused: Step | null = null;
    for (;;) {
      const verdict = verdictOf(seen.sender, seen.receiver);
      if (verdict.kind === 'end') return { ending: verdict.ending, code: seen.code };
      if (verdict.kind === 'contradiction') throw this.#contradiction(verdict.what);
      const { step } = verdict;
      // Nothing is held anywhere: it is begun by whoever knows what was asked, or never.
      if (step === 'holdSender') return { ending: 'refused', code: seen.code };
      assert(seen.transfer, `what stands in a book says what transfer ${this.#id} is`);
      if (step === 'holdReceiver') await this.#pair.openAccounts(seen.transfer.from.asset, seen.transfer.to.asset);
      const code = await this.#ask(step, seen.transfer);
      if (code === 'created') {
        seen = { ...seen, ...AFTER[step] };
        continue;
      }
      // A refusal changes what is seen: that a step is no longer the next one, or that it cannot be taken for good.
      if (refused === step) throw this.#contradiction(`a book answered ${code} to ${step}`);
      refused = step;
      seen = await this.#pair.observe(this.#id);
    }
  }

  #contradiction(what: string): Problem {
    const { sender, receiver } = this.#pair;
    const facts = { transfer: this.#id, sender: sender.bookId, receiver: receiver.bookId };
    return new Problem('interbook/contradiction', `Transfer ${this.#id} from book ${sender.bookId} to book ${receiver.bookId}: ${what}.`, facts);
  }

  /** Asks a book for a step, and says what kept it from being taken. */
  async #ask(step: Step, transfer: InterbookTransfer): Promise<string> {
    const side = SIDE_OF[step];
    const desk = this.#pair[side];
    const results = await desk.submit(commandsOf(step, transfer, this.#timeoutS));
    const code = results.find((result) => result.code !== 'created' && result.code !== 'linked_event_failed')?.code ?? results[0]!.code;
    // Past its time the hold can only expire, which is as final as a void.
    if (code === 'pending_transfer_expired') await desk.submit([{ kind: 'expire', transfer: holdIdOf(this.#pair.sender.bookId, this.#id, side) }]);
    return code;
  }
}

/** Whether what was begun before is what is asked now. */
function isSame(asked: InterbookTransfer, { sender, transfer: booked }: Observed): boolean {
  if (sender === 'foreign' || !booked) return false;
  const isSameEnd = booked.from.account === asked.from.account && booked.to.account === asked.to.account;
  return isSameEnd && booked.from.asset === asked.from.asset && booked.amount === asked.amount;
}
