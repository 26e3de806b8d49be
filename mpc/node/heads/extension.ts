import { isHex, type Hex } from '#base';
import { linked, type Head } from './hashChain.ts';

export type Extension = { readonly extends: true; readonly head: Head } | { readonly extends: false; readonly why: 'behind' | 'forked' | 'malformed' };

/** Does `claimed` extend the head that I remember? `bodies` are the body hashes of exactly the lines between the two, replayed from the remembered one. Pure. */
export function extendsHead(tag: string, remembered: Head, bodies: readonly Hex[], claimed: Head): Extension {
  if (!Number.isSafeInteger(claimed.seq) || claimed.seq < 0 || !isHex(claimed.hash, 32)) return { extends: false, why: 'malformed' };
  if (bodies.some((body) => !isHex(body, 32))) return { extends: false, why: 'malformed' };
  if (claimed.seq < remembered.seq) return { extends: false, why: 'behind' };
  if (bodies.length !== claimed.seq - remembered.seq) return { extends: false, why: 'malformed' };
  const replayed = bodies.reduce((head, body) => linked(tag, head, body), remembered);
  return replayed.hash === claimed.hash ? { extends: true, head: claimed } : { extends: false, why: 'forked' };
}
