import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { RESULT_CODES } from '#ledger/core';
import { readCases, type Case } from '../support/table.ts';

const CASES = new URL('../cases/', import.meta.url);
const PAGE = readFileSync(new URL('../../../docs/ledger-semantics.md', import.meta.url), 'utf8');

/** The codes of the page's table of refusals, in its order; `..._code` stands for the code before it with another ending. */
function codesOfPage(): string[] {
  const rows = PAGE.slice(PAGE.indexOf('## Refusals'))
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => [...row.split(' | ')[0]!.matchAll(/`([a-z._]+)`/g)].map((match) => match[1]!));
}

/** The answers of a case, in order. */
function answersOf({ steps }: Case): string[] {
  return steps.flatMap((step) => (step.do === 'submit' ? step.lines.map((line) => line.code) : []));
}

/** The pairs of a case in precedence.txt: each refused line keeps all faults of the one before it but the first. Of a chain the last line is the one that is looked at. */
function shownPairs({ steps }: Case): (readonly [earlier: string, later: string])[] {
  const refusals = steps.flatMap((step) => (step.do === 'submit' ? step.lines.slice(-1).map((line) => line.code) : [])).filter((code) => code !== 'created');
  return refusals.slice(1).map((later, i) => [refusals[i]!, later] as const);
}

/** Neighbours in the order of precedence that no command can earn both of, and why. */
const NEVER_BOTH: Readonly<Record<string, string>> = {
  'created linked_event_chain_open': 'what is created is not refused',
  'id_must_not_be_zero id_must_not_be_int_max': 'an id is one of them',
  'id_must_not_be_int_max exists_with_different_flags': 'nothing is ever booked under that id',
  'exists_with_different_owner exists_with_different_body': 'accounts; all other kinds',
  'exists id_already_failed': 'an id was booked or refused',
  'flags_are_mutually_exclusive debit_account_id_must_not_be_zero': 'posts, voids and accounts; new transfers',
  'debit_account_id_must_not_be_zero debit_account_id_must_not_be_int_max': 'an id is one of them',
  'credit_account_id_must_not_be_zero credit_account_id_must_not_be_int_max': 'an id is one of them',
  'credit_account_id_must_not_be_int_max accounts_must_be_different': 'the debit account would be the largest id as well, which goes before',
  'pending_id_must_be_zero pending_id_must_not_be_zero': 'new transfers; posts and voids',
  'pending_id_must_not_be_zero pending_id_must_not_be_int_max': 'an id is one of them',
  'pending_id_must_not_be_int_max pending_id_must_be_different': 'the transfer would have the largest id itself, which goes before',
  'final_transfer_must_post_pending overdraft_must_be_zero': 'transfers; accounts',
  'asset_not_found account_not_found': 'opening; closing',
  'account_not_found window_not_found': 'closing an account; an instruction',
  'window_not_found debit_account_not_found': 'an instruction; a transfer',
  'credit_account_not_found accounts_must_have_the_same_asset': 'what is not there has no asset',
  'transfer_must_have_the_same_asset_as_accounts pending_transfer_not_found': 'new transfers; posts and voids',
  'pending_transfer_not_found pending_transfer_not_pending': 'it is there or not',
  'pending_transfer_already_posted pending_transfer_already_voided': 'a hold is closed once',
  'pending_transfer_already_voided pending_transfer_expired': 'a hold is closed once',
  'pending_transfer_not_in_window pending_transfer_released': 'what was released was in a window',
  'pending_transfer_not_due debit_account_already_closed': 'an expiry looks at no account',
};

describe('the refusals', () => {
  const tables = readdirSync(CASES).map((file) => ({ file, cases: readCases(new URL(file, CASES)) }));
  const all = tables.flatMap(({ cases }) => cases);

  it('are shown by at least 400 cases, no two of one name', () => {
    assert.ok(all.length >= 400, `${all.length} cases`);
    assert.equal(new Set(all.map(({ title }) => title)).size, all.length);
  });

  it('are each shown by a case', () => {
    const shown = new Set(all.flatMap(answersOf));
    assert.deepEqual(
      RESULT_CODES.filter((code) => !shown.has(code)),
      [],
    );
  });

  it('go before one another in their order, and each before the next', () => {
    const pairs = tables.find(({ file }) => file === 'precedence.txt')!.cases.flatMap(shownPairs);
    const place = (code: string): number => RESULT_CODES.findIndex((known) => known === code);
    for (const [earlier, later] of pairs) assert.ok(place(earlier) < place(later), `${earlier} does not go before ${later}`);
    const shown = new Set(pairs.map(([earlier, later]) => `${earlier} ${later}`));
    const neighbours = RESULT_CODES.slice(1).map((code, i) => `${RESULT_CODES[i]!} ${code}`);
    assert.deepEqual(
      neighbours.filter((pair) => shown.has(pair) === pair in NEVER_BOTH),
      [],
    );
    assert.deepEqual(
      Object.keys(NEVER_BOTH).filter((pair) => !neighbours.includes(pair)),
      [],
    );
  });

  it('are all on the page of semantics, in their order of precedence', () => {
    let at = 0;
    for (const code of codesOfPage()) {
      const ending = code.replace(/^\.\.\./, '');
      const place = RESULT_CODES.findIndex((known, i) => i > at && (code.startsWith('...') ? known.endsWith(ending) : known === code));
      assert.equal(place, at + 1, `${code} stands where ${RESULT_CODES[at + 1]} belongs`);
      at = place;
    }
    assert.equal(at, RESULT_CODES.length - 1);
  });
});
