/**
 * A consumer that a test kills or stops: follows a book into the diary and says when it has written a page down but not committed it, and when it is told.
 * Arguments: the database's URL, the book's id, the consumer's name, and how many milliseconds it dwells on a page.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { writeSync } from 'node:fs';
import type { BookId } from '#base';
import { follow } from '#cdc';
import { openDatabase } from '#db';
import { readBook } from '#ledger';
import { diarist, headsOf } from './diary.ts';
import { until } from '../../support/until.ts';

const [url = '', bookId = '', name = '', dwellMs = ''] = process.argv.slice(2);
const database = await openDatabase({ url });
const { heads } = headsOf(url);
await until(() => heads.isStreaming(), 'the stream');
const { handle } = diarist(name, bookId);
follow({
  database,
  source: await readBook(database, bookId as BookId),
  heads,
  consumer: {
    name,
    handle: async (client, records) => {
      await handle(client, records);
      writeSync(1, `handled ${records.at(-1)!.seq}\n`);
      await sleep(Number(dwellMs));
    },
  },
});
writeSync(1, 'following\n');
