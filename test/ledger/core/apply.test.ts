import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  apply,
  CREDITS_MUST_NOT_EXCEED_DEBITS,
  DEBITS_MUST_NOT_EXCEED_CREDITS,
  emptyState,
  LINKED,
  needs,
  replay,
  type Account,
  type Command,
  type LedgerRecord,
  type Result,
  type State,
} from '#ledger/core';
import { anyRequests, OPENING, type Ask } from '../support/commands.ts';

interface Run {
  readonly state: State;
  readonly records: readonly LedgerRecord[];
}

/** Plays the requests, calling `check` after each. */
function play(requests: readonly Ask[], check: (state: State, commands: readonly Command[], results: readonly Result[]) => void = () => undefined): Run {
  const state = emptyState();
  let nowMs = 1_000;
  const records = [...apply(state, OPENING, nowMs).records];
  for (const { commands, waitMs } of requests) {
    nowMs += waitMs;
    const applied = apply(state, commands, nowMs);
    records.push(...applied.records);
    check(state, commands, applied.results);
  }
  return { state, records };
}

function sum(accounts: Iterable<Account>, of: (account: Account) => bigint): bigint {
  let total = 0n;
  for (const account of accounts) total += of(account);
  return total;
}

/** What a partial state would hold: only what `needs` names, and the accounts of the holds among it. */
function partOf(whole: State, commands: readonly Command[]): State {
  const part = { ...emptyState(), seq: whole.seq, nowMs: whole.nowMs, assets: whole.assets };
  const { accounts, holds, transfers, keys, openHolds } = needs(commands);
  for (const [id, hold] of whole.holds) if (holds.has(id) || (openHolds && hold.status === 'open')) part.holds.set(id, hold);
  for (const [id, account] of whole.accounts) {
    if (accounts.has(id) || [...part.holds.values()].some((hold) => hold.debit === id || hold.credit === id)) part.accounts.set(id, account);
  }
  for (const id of [...transfers, ...holds]) {
    const booked = whole.transfers.get(id);
    const refusal = whole.refusals.get(id);
    if (booked) part.transfers.set(id, booked);
    if (refusal) part.refusals.set(id, refusal);
    const hold = booked && whole.holds.get(booked.pendingId);
    if (hold) part.holds.set(hold.id, hold);
  }
  for (const key of keys) {
    const record = whole.keyed.get(key);
    if (record) part.keyed.set(key, record);
  }
  return part;
}

describe('whatever is asked of a book', () => {
  const requests = anyRequests(14, 25);
  const hold = (property: (asked: readonly Ask[]) => void): void => fc.assert(fc.property(requests, property), { numRuns: 300 });

  it('debits equal credits in every asset, pending and posted', () => {
    hold((asked) => {
      play(asked, ({ accounts }) => {
        for (const asset of [1, 2]) {
          const own = [...accounts.values()].filter((account) => account.asset === asset);
          assert.equal(
            sum(own, (a) => a.debitsPosted),
            sum(own, (a) => a.creditsPosted),
          );
          assert.equal(
            sum(own, (a) => a.debitsPending),
            sum(own, (a) => a.creditsPending),
          );
        }
      });
    });
  });

  it('no limited account passes its limit, with everything pending counted as posted', () => {
    hold((asked) => {
      play(asked, ({ accounts }) => {
        for (const a of accounts.values()) {
          if (a.flags & DEBITS_MUST_NOT_EXCEED_CREDITS) assert.ok(a.debitsPosted + a.debitsPending <= a.creditsPosted + a.overdraft);
          if (a.flags & CREDITS_MUST_NOT_EXCEED_DEBITS) assert.ok(a.creditsPosted + a.creditsPending <= a.debitsPosted + a.overdraft);
          assert.ok(a.debitsPending >= 0n && a.creditsPending >= 0n);
        }
      });
    });
  });

  it('what is pending on an account is what is left of its open holds', () => {
    hold((asked) => {
      play(asked, ({ accounts, holds }) => {
        const left = (id: string, side: 'debit' | 'credit'): bigint => {
          let total = 0n;
          for (const h of holds.values()) if (h.status === 'open' && h[side] === id) total += h.amount - h.captured;
          return total;
        };
        for (const a of accounts.values()) {
          assert.equal(a.debitsPending, left(a.id, 'debit'));
          assert.equal(a.creditsPending, left(a.id, 'credit'));
        }
      });
    });
  });

  it('every record that comes with an answer is in the journal', () => {
    hold((asked) => {
      const answered: LedgerRecord[] = [];
      const { records } = play(asked, (_, __, results) => answered.push(...results.flatMap(({ record }) => record ?? [])));
      for (const record of answered) assert.deepEqual(record, records[Number(record.seq) - 1]);
    });
  });

  it('linked commands are all created, all there already, or none of them', () => {
    hold((asked) => {
      play(asked, (_, commands, results) => {
        let chain: string[] = [];
        for (const [i, command] of commands.entries()) {
          chain.push(results[i]!.code);
          const linked = 'flags' in command ? ((command.flags ?? 0) & LINKED) !== 0 : 'linked' in command && command.linked;
          if (linked && i < commands.length - 1) continue;
          if (chain.includes('created')) assert.deepEqual(new Set(chain), new Set(['created']));
          chain = [];
        }
      });
    });
  });

  it('no answer names a record that was taken back with its chain', () => {
    hold((asked) => {
      const named: LedgerRecord[] = [];
      const { records } = play(asked, (_, __, results) => void named.push(...results.flatMap(({ record }) => record ?? [])));
      for (const record of named) assert.equal(records[Number(record.seq) - 1], record);
    });
  });

  it('the records alone give the same state', () => {
    hold((asked) => {
      const { state, records } = play(asked);
      const again = emptyState();
      assert.equal(replay(again, records), null);
      assert.deepEqual(again, state);
    });
  });

  it('a request sent again books nothing that it booked before', () => {
    hold((asked) => {
      play(asked, (state, commands, results) => {
        const again = apply(state, commands, state.nowMs).results;
        for (const [i, result] of results.entries()) if (result.code === 'created') assert.notEqual(again[i]!.code, 'created');
      });
    });
  });

  it('a state that holds only what the commands need decides the same', () => {
    hold((asked) => {
      const state = emptyState();
      let nowMs = 1_000;
      apply(state, OPENING, nowMs);
      for (const { commands, waitMs } of asked) {
        nowMs += waitMs;
        const part = partOf(state, commands);
        const expected = apply(state, commands, nowMs);
        const decided = apply(part, commands, nowMs);
        assert.deepEqual(
          decided.results.map((result) => result.code),
          expected.results.map((result) => result.code),
        );
        assert.deepEqual(decided.records, expected.records);
      }
    });
  });

  it('each sequence number is given once, in order, and time never goes back along it', () => {
    hold((asked) => {
      const { records } = play(asked);
      for (const [i, record] of records.entries()) {
        assert.equal(record.seq, BigInt(i + 1));
        if (i > 0) assert.ok(record.nowMs >= records[i - 1]!.nowMs);
      }
    });
  });

  it('leaves a state alone that time would have to go back for', () => {
    const state = emptyState();
    apply(state, OPENING, 1_000);
    assert.throws(() => apply(state, OPENING, 999), /time went back/);
    assert.equal(state.seq, BigInt(OPENING.length));
  });
});
