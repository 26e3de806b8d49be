import { Problem, concat } from '#base';
import { abort } from '../primitives/abort.ts';
import { equal, wipe } from '../primitives/constantTime.ts';
import { u16, u32 } from '../primitives/hash.ts';
import { id32, type Context, type SetupId } from '../primitives/ids.ts';
import { BASE_OTS, HASH_BYTES } from '../primitives/parameters.ts';
import type { PartyId } from '../primitives/parties.ts';

const FORMAT = 1;
const KEYS_BYTES = BASE_OTS * HASH_BYTES;
const DELTA_BYTES = BASE_OTS / 8;
const PAIR_BYTES = 2 + 2 + 2 + 4 + 3 * HASH_BYTES + DELTA_BYTES + 3 * KEYS_BYTES;

/** What one run of section 4 leaves with one of its two parties (4.6). All of it but the ids is secret, none of it is ever in a backup (11.3). */
export interface PairSecrets {
  /** The key, its epoch and its parties. */
  readonly ctx: Context;
  readonly own: PartyId;
  readonly peer: PartyId;
  readonly generation: number;
  readonly setupId: SetupId;
  /** z_ij. */
  readonly zeroSeed: Uint8Array;
  /** As Bob: k0_i and k1_i, 128 of 32 bytes each. */
  readonly k0: Uint8Array;
  readonly k1: Uint8Array;
  /** As Alice: Delta, 16 bytes, and k_{Delta_i, i}. */
  readonly delta: Uint8Array;
  readonly kDelta: Uint8Array;
}

/**
 * A pair's state in RAM, one object a pair and set-up, shared by all sessions. A failed check of section 12 poisons it in the same breath, in both directions, so that no other session of this process
 * evaluates another check of the pair before the caller has made the poisoning durable; from the disk it must never be read again. The secrets are private, so that no JSON, log or structured clone of a
 * pair carries them; `encodePair` alone does.
 */
export class Pair {
  #secrets: PairSecrets | null;
  #isPoisoned = false;

  constructor(secrets: PairSecrets) {
    this.#secrets = secrets;
  }

  /** mpc/pair-not-usable once it is retired. */
  get secrets(): PairSecrets {
    if (!this.#secrets) throw abort('mpc/pair-not-usable', null, 'The set-up of a pair is retired.');
    return this.#secrets;
  }

  get isPoisoned(): boolean {
    return this.#isPoisoned;
  }

  poison(): void {
    this.#isPoisoned = true;
  }

  /**
   * Overwrites the secrets and ends every session that still has this object: when its epoch is erased, or another run of the set-up is in its place (10.3, 13). To overwrite them under a session in flight
   * without that would look like a cheating peer to both ends.
   */
  retire(): void {
    if (!this.#secrets) return;
    const { zeroSeed, k0, k1, delta, kDelta } = this.#secrets;
    this.#secrets = null;
    wipe(zeroSeed, k0, k1, delta, kDelta);
  }

  /** mpc/pair-not-usable where it is retired, or where a check of another session has failed since: nothing of this pair is evaluated any more, let alone reported. */
  mustBeWhole(): void {
    const { peer } = this.secrets;
    if (this.#isPoisoned) throw abort('mpc/pair-not-usable', null, `The set-up with party ${peer} is poisoned.`);
  }

  /** mpc/pair-not-usable unless this is the state of exactly this pair in this epoch, and not poisoned. */
  mustServe(ctx: Context, own: PartyId, peer: PartyId): void {
    this.mustBeWhole();
    const { secrets } = this;
    if (secrets.own !== own || secrets.peer !== peer || !equal(secrets.ctx, ctx))
      throw abort('mpc/pair-not-usable', null, `The set-up of parties ${secrets.own} and ${secrets.peer} does not serve ${own} and ${peer} in this epoch.`);
  }
}

/** For the sealed store; the status of the pair is the store's own. */
export function encodePair({ secrets: { ctx, own, peer, generation, setupId, zeroSeed, delta, kDelta, k0, k1 } }: Pair): Uint8Array {
  return concat(u16(FORMAT), u16(own), u16(peer), u32(generation), ctx, setupId, zeroSeed, delta, kDelta, k0, k1);
}

/** mpc/pair-not-usable where the bytes are not what `encodePair` wrote. */
export function decodePair(bytes: Uint8Array): Pair {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length !== PAIR_BYTES || view.getUint16(0) !== FORMAT)
    throw new Problem('mpc/pair-not-usable', 'The stored set-up of a pair is not in the format of this version.');
  let at = 10;
  // Copies, not slice(): that of a Node Buffer is a view, and the words of Delta (5) would be read from the beginning of its memory.
  const next = (length: number): Uint8Array => new Uint8Array(bytes.subarray(at, (at += length)));
  return new Pair({
    own: view.getUint16(2) as PartyId,
    peer: view.getUint16(4) as PartyId,
    generation: view.getUint32(6),
    ctx: id32(next(HASH_BYTES)),
    setupId: id32(next(HASH_BYTES)),
    zeroSeed: next(HASH_BYTES),
    delta: next(DELTA_BYTES),
    kDelta: next(KEYS_BYTES),
    k0: next(KEYS_BYTES),
    k1: next(KEYS_BYTES),
  });
}
