import { Problem } from '#base';
import type { CallPatience, Link } from '#mpc/node/wire';
import { ABSORB, absorbedFromJson, NEXT, nextFromJson } from './protocol.ts';

/** Where the sealed records of the book come from, page by page, as a node replays them (#feed). */
export interface PageSource {
  page(fromSeq: bigint): Promise<Uint8Array>;
}

/** Why a node takes no further page, as it says. */
export interface FeedRefusal {
  readonly rule: string;
  readonly reason: string;
}

/**
 * Brings one node the pages that it lacks, until it has all that the source has. The node believes nothing of them: a refusal is its judgement of what the platform wrote. A node that keeps no book is brought
 * nothing. Throws wire/... where it cannot be reached.
 */
export async function bring(link: Link, source: PageSource, patience: CallPatience): Promise<FeedRefusal | undefined> {
  try {
    for (let nextSeq = nextFromJson(await link.call(NEXT, new Uint8Array(), patience)); ;) {
      const taken = absorbedFromJson(await link.call(ABSORB, await source.page(nextSeq), patience));
      if ('rule' in taken) return taken;
      if (taken.seq < nextSeq) return undefined;
      nextSeq = taken.seq + 1n;
    }
  } catch (error) {
    if (error instanceof Problem && error.code === 'wire/not-allowed') return undefined;
    throw error;
  }
}
