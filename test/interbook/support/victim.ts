/**
 * A coordinator that kills itself at a named step. Arguments: the URLs of the databases of books A and B, their ids, the transfer's id, the story and the moment
 * (`before holdSender`, `during postSender`, ...). Prints the outcome where it lives to see it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ManualClock, type BookId, type TransferId } from '#base';
import { openDatabase } from '#db';
import { openBook, type Book } from '#ledger';
import { coordinator, type Desk } from '#interbook';
import { commandsOf, type Step } from '#interbook/core';
import { idOf } from '../../ledger/support/table.ts';
import { openingOf, request, whole, type Name } from './books.ts';

const [urlA = '', urlB = '', bookA = '', bookB = '', id = '', story = '', moment = '', step = ''] = process.argv.slice(2);
const ids = { A: bookA as BookId, B: bookB as BookId };
const asked = request(id as TransferId, 'A', 'B', 7n, ids);
const steps: readonly Step[] = ['holdSender', 'holdReceiver', 'postSender', 'voidSender', 'postReceiver', 'voidReceiver', 'suspendReceiver'];
const clock = new ManualClock(1_700_000_000_000);
const books = { A: await open('A', urlA), B: await open('B', urlB) };

async function open(name: Name, url: string): Promise<Book> {
  const book = await openBook({ database: await openDatabase({ url }), bookId: ids[name], clock, waitMs: 10_000 });
  await book.submit(openingOf(name));
  return book;
}

async function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return sleep(60_000, undefined as never);
}

function stepOf(commands: Parameters<Desk['submit']>[0]): Step | undefined {
  const transfer = whole(asked, 'B');
  return steps.find((name) => JSON.stringify(commandsOf(name, transfer, 60).map(idOrNull)) === JSON.stringify(commands.map(idOrNull)));
}

function idOrNull(command: { readonly kind: string; readonly id?: unknown }): unknown {
  return command.kind === 'transfer' ? command.id : null;
}

/** What the world does in the stories that do not end with the creditor being paid. */
async function meanwhile(next: Step | undefined): Promise<void> {
  const close = { kind: 'closeAccount', id: idOf<'account'>('B customer') } as const;
  if (story === 'returned' && next === 'holdReceiver') await books.B.submit([close]);
  if (story === 'suspended' && next === 'postReceiver') await books.B.submit([close]);
  if (story === 'expired' && next === 'postSender') clock.advance(60_000);
}

function fatal(book: Book): Desk {
  const submit: Desk['submit'] = async (commands) => {
    const next = stepOf(commands);
    await meanwhile(next);
    if (next === step && moment === 'before') await die();
    const answer = book.submit(commands);
    // The statement is on its way: whether it arrives is up to the server.
    if (next === step && moment === 'during') await sleep(1).then(die);
    const results = await answer;
    if (next === step && moment === 'after') await die();
    return results;
  };
  return { ...book, submit };
}

const between = coordinator({ books: new Map([fatal(books.A), fatal(books.B)].map((desk) => [desk.bookId, desk])), holdTimeoutS: 60 });
process.stdout.write(`${JSON.stringify(await between.transfer(asked))}\n`);
process.exit(0);
