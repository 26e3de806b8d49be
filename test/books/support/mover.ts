/** A mover that a test kills: says each step, and kills itself before the one it is told. Arguments: the book's id, both URLs, and the step. */
import { writeSync } from 'node:fs';
import type { BookId } from '#base';
import { moveBook } from '#books';

const [bookId = '', fromUrl = '', toUrl = '', last = ''] = process.argv.slice(2);
await moveBook({
  bookId: bookId as BookId,
  fromUrl,
  toUrl,
  onStep: (step) => {
    writeSync(1, `${step}\n`);
    if (step === last) process.kill(process.pid, 'SIGKILL');
  },
});
