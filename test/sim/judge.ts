import type { Account, Result } from '#ledger/core';
import { demand, Finding, show } from './finding.ts';
import { answersTo, type Asked, type Chain } from './model/chains.ts';
import { becomes, REMEMBERED, sameRecord, type ModelLedger } from './model/ledger.ts';

/** What a writer is known to know: which answers it may give from memory depends on it. */
export interface Witness {
  readonly name: string;
  /** The last record that its answers named, in the order in which it was asked. */
  seen: number;
  /** The head when it last took the book, and after its last batch. */
  taken: number;
  written: number;
  /** What its clock said lately. */
  readonly readings: number[];
}

/** Compares each answer of a writer with what the model says it should be at the place where it was decided. */
export class Judge {
  readonly #model: ModelLedger;
  /** Answers that fit only another place than the one that was expected first: of writers that were overtaken, mostly. */
  elsewhere = 0;

  constructor(model: ModelLedger) {
    this.#model = model;
  }

  /** All answers to a request, which the writer gave in the order in which it was asked. */
  hear(witness: Witness, asked: Asked, results: readonly Result[]): void {
    demand(results.length === asked.commands.length, 'an answer for each command', () => `${results.length} for ${asked.commands.length}`);
    for (const chain of asked.chains) this.#hearChain(witness, asked, chain, results.slice(chain.from, chain.to));
  }

  #hearChain(witness: Witness, asked: Asked, chain: Chain, results: readonly Result[]): void {
    if (results.every(({ code }) => code === 'created')) {
      for (const [i, result] of results.entries()) this.#created(witness, asked, chain.from + i, result);
      return;
    }
    const remembered = results.findIndex(({ code, record }) => record?.kind === 'refusal' && code !== 'id_already_failed');
    if (remembered >= 0) this.#remembered(witness, asked, chain, results, remembered);
    else this.#unwritten(witness, asked, chain, results);
  }

  #created(witness: Witness, asked: Asked, index: number, { record, balances }: Result): void {
    const { past, explained } = this.#model;
    const seq = Number(record?.seq ?? 0);
    const booked = past.records[seq - 1];
    const tell = () =>
      `${witness.name} answered "created" to ${show(asked.commands[index])} with record ${show(record)}; the journal has ${show(booked)} there`;
    demand(record && booked && sameRecord(record, booked), 'acknowledged is present', tell);
    const reason = explained[seq - 1];
    const isItsOwn = reason?.asked === asked && reason.index === index;
    demand(isItsOwn || becomes(this.#model.at(seq - 1), asked, index, booked), 'acknowledged is what was asked', tell);
    for (const side of ['debit', 'credit'] as const) if (balances?.[side]) this.#balance(balances[side], seq);
    witness.seen = Math.max(witness.seen, seq);
  }

  #balance(account: Account, seq: number): void {
    const known = this.#model.past.accounts.get(account.id)?.at(seq);
    const isSame = known && Object.entries(known).every(([member, value]) => account[member as keyof Account] === value);
    demand(isSame, 'balances in answers', () => `after record ${seq}: answered ${show(account)}, it is ${show(known)}`);
  }

  #remembered(witness: Witness, asked: Asked, chain: Chain, results: readonly Result[], failed: number): void {
    const { code, record } = results[failed]!;
    const seq = Number(record?.seq ?? 0);
    const booked = this.#model.past.records[seq - 1];
    const tell = () => `${witness.name} answered ${code} with record ${show(record)}; the journal has ${show(booked)} there`;
    demand(record && booked && sameRecord(record, booked) && booked.kind === 'refusal' && booked.code === code, 'refusals are remembered', tell);
    const answers = answersTo(asked, chain, this.#model.at(seq - 1), booked.nowMs);
    const codes = results.map((result) => result.code);
    demand(
      isSameList(answers, codes),
      'answers are right',
      () => `${witness.name} answered ${show(codes)} to ${show(asked.commands.slice(chain.from, chain.to))}; it should be ${show(answers)}`,
    );
    witness.seen = Math.max(witness.seen, seq);
  }

  /** Nothing was written for these: they are right if they were right at a place that the writer may have known. */
  #unwritten(witness: Witness, asked: Asked, chain: Chain, results: readonly Result[]): void {
    const codes = results.map(({ code }) => code);
    for (const [i, { record, code }] of results.entries()) {
      const isForgotten = asked.commands[chain.from + i]!.kind === 'transfer' && REMEMBERED.test(code);
      demand(!isForgotten, 'refusals are remembered', () => `${witness.name} answered ${code} and wrote nothing down`);
      const booked = record && this.#model.past.records[Number(record.seq) - 1];
      if (record)
        demand(
          booked && sameRecord(record, booked),
          'acknowledged is present',
          () => `${witness.name} answered ${code} with ${show(record)}; the journal has ${show(booked)} there`,
        );
    }
    const { seen, taken, written } = witness;
    if (this.#isRightAt(Math.max(seen, taken), witness, asked, chain, codes)) return;
    this.elsewhere += 1;
    if (this.#isRightAt(written, witness, asked, chain, codes) || this.#isRightAt(seen, witness, asked, chain, codes)) return;
    // A writer that was overtaken knows some of what came after it, because it looked that up, and not the rest.
    for (let seq = seen; seq <= this.#model.past.head; seq++) if (this.#isRightAt(seq, witness, asked, chain, codes)) return;
    const place = Math.max(seen, taken);
    const answers = answersTo(asked, chain, this.#model.at(place), witness.readings.at(-1) ?? 0);
    throw new Finding(
      'answers are right',
      `${witness.name} answered ${show(codes)} to ${show(asked.commands.slice(chain.from, chain.to))}; after record ${place} it should be ${show(answers)}`,
    );
  }

  #isRightAt(seq: number, { readings }: Witness, asked: Asked, chain: Chain, codes: readonly string[]): boolean {
    const notBeforeMs = this.#model.past.records[seq - 1]?.nowMs ?? 0;
    const times = new Set([notBeforeMs, ...readings.map((reading) => Math.max(reading, notBeforeMs))]);
    for (const nowMs of times) if (isSameList(answersTo(asked, chain, this.#model.at(seq), nowMs), codes)) return true;
    return false;
  }
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
