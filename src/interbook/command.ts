import { formatDecimal, isUuid, Problem, type BookId } from '#base';
import { bookUrl } from '#books';
import { openForReading, type Database } from '#db';
import { readBook } from '#ledger';
import { reconcileBooks, type ClearingReport, type NamedTransfer } from './reconcile.ts';

type Values = Readonly<Record<string, string | boolean | undefined>>;

/** cairn book reconcile: exit code 0 when the two books agree but for what is under way, 1 when a transfer is named that is wrong. */
export async function reconcileCommand(values: Values, tell: (line: string) => void): Promise<number> {
  const [first, second] = [bookOf(values, 'book'), bookOf(values, 'other')];
  if (first === second) throw new Problem('cli/bad-arguments', '--book and --other have to be two books.');
  const urls = [bookUrl(first, values['at'], '--at'), bookUrl(second, values['other-at'], '--other-at')];
  const databases: Database[] = [];
  try {
    for (const url of urls) databases.push(await openForReading({ url }));
    const reports = await reconcileBooks(await readBook(databases[0]!, first), await readBook(databases[1]!, second));
    for (const report of reports) for (const line of linesOf(report)) tell(line);
    if (reports.length === 0) tell('The two books never owed each other anything.');
    return reports.every(({ wrong, unexplained }) => wrong.length === 0 && unexplained === 0n) ? 0 : 1;
  } finally {
    for (const database of databases) await database.close();
  }
}

function bookOf(values: Values, option: string): BookId {
  const given = values[option];
  if (typeof given !== 'string' || !isUuid<BookId>(given)) throw new Problem('cli/bad-arguments', `--${option} takes the id of a book, a UUID in lower case.`);
  return given;
}

function linesOf({ symbol, decimals, caip19, owed, claimed, moving, wrong, unexplained }: ClearingReport): readonly string[] {
  const units = (amount: bigint): string => formatDecimal(amount, decimals);
  const named = (kind: string) => (one: NamedTransfer) => `  ${kind}  ${one.transfer}  sent ${units(one.sent)}, received ${units(one.received)}: ${one.what}`;
  return [
    `${symbol}${caip19 === null ? '' : ` (${caip19})`}: the first book owes ${units(owed)}, the second claims ${units(claimed)}`,
    ...moving.map(named('under way')),
    ...wrong.map(named('WRONG    ')),
    ...(unexplained === 0n ? [] : [`  WRONG      ${units(unexplained)} that no record explains`]),
  ];
}
