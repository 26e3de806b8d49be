import { Problem } from '#base';
import type { CallPatience, Link } from '#mpc/node/wire';

/** What signer nodes replay: a book as its sealed records, page by page. */
export interface BookPages {
  /** Sequence number of the last sealed record. */
  sealedTo(): Promise<bigint>;
  page(fromSeq: bigint): Promise<Uint8Array>;
}

const NEXT = 'book/next';
const ABSORB = 'book/absorb';

/** Brings one node's book up to the last sealed record. Throws wire/… where the node is not there, and custody/book-refused where it does not believe a page. */
export async function feedNode(link: Link, pages: BookPages, patience: CallPatience): Promise<void> {
  for (let next = numberIn(await link.call(NEXT, new Uint8Array(), patience), 'nextSeq'); next <= (await pages.sealedTo());) {
    const seq = numberIn(await link.call(ABSORB, await pages.page(next), patience), 'seq');
    if (seq < next) throw new Problem('wire/bad-frame', `A node took a page from record ${next} on and says that it is at ${seq}.`);
    next = seq + 1n;
  }
}

function numberIn(bytes: Uint8Array, member: 'nextSeq' | 'seq'): bigint {
  const answer = JSON.parse(Buffer.from(bytes).toString('utf8')) as Readonly<Record<string, unknown>>;
  const { rule, reason } = answer;
  if (typeof rule === 'string') throw new Problem('custody/book-refused', `A signer node refuses a page of the book: ${String(reason)}`, { rule });
  const value = answer[member];
  if (typeof value !== 'string' || !/^\d{1,19}$/.test(value)) throw new Problem('wire/bad-frame', `A node answers without ${member}.`);
  return BigInt(value);
}
