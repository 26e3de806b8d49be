import type { Desk } from '#interbook';

/** Thrown in the place of a process that is no more: nothing catches it but the test. */
export class Dead extends Error {}

/** What passes before a request reaches a book, and before its answer is back. */
export type Gate = (what: string) => Promise<void>;

/** A book as a coordinator sees it over a wire: every question and every answer passes the gate, and an answer may never come. */
export function behind(gate: Gate, desk: Desk): Desk {
  const passes = <Args extends readonly unknown[], Answer>(what: string, ask: (...args: Args) => Promise<Answer>) => {
    return async (...args: Args): Promise<Answer> => {
      await gate(`ask ${what}`);
      const answer = await ask(...args);
      await gate(`hear ${what}`);
      return answer;
    };
  };
  return {
    bookId: desk.bookId,
    submit: passes('submit', (commands) => desk.submit(commands)),
    account: passes('account', (id) => desk.account(id)),
    hold: passes('hold', (id) => desk.hold(id)),
    transfer: passes('transfer', (id) => desk.transfer(id)),
    byKey: passes('byKey', (key) => desk.byKey(key)),
    interbookHolds: passes('holds', (page) => desk.interbookHolds(page)),
  };
}

/** The same gate for a process that dies when it has passed it so many times. */
export function mortal(gate: Gate, lives: number): Gate {
  let left = lives;
  return async (what) => {
    if (left <= 0) throw new Dead(what);
    left -= 1;
    await gate(what);
    if (left <= 0) throw new Dead(what);
  };
}
