import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8 } from '#base';

/** Name of the header that carries the signature, as HTTP writes it. */
export const SIGNATURE_HEADER = 'Cairn-Signature';

/** How old a signature may be for whoever checks it, in seconds: what was overheard cannot be sent again later. */
export const TOLERANCE_S = 300;

/** `t=<seconds since 1970>,v1=<hex>`: HMAC-SHA256 (RFC 2104) of the time, a full stop and the exact body, under the endpoint's secret. */
export function signatureOf(secret: Uint8Array, timeS: number, body: string): string {
  return `t=${timeS},v1=${Buffer.from(macOf(secret, timeS, body)).toString('hex')}`;
}

/** What a receiver does: true where the header signs exactly this body, lately. */
export function isSigned(secret: Uint8Array, { header, body, nowS }: { readonly header: string; readonly body: string; readonly nowS: number }): boolean {
  const parts = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header);
  if (!parts) return false;
  const timeS = Number(parts[1]);
  if (Math.abs(nowS - timeS) > TOLERANCE_S) return false;
  const given = Buffer.from(parts[2]!, 'hex');
  // All bytes are looked at, however early they differ.
  return macOf(secret, timeS, body).reduce((different, byte, i) => different | (byte ^ given[i]!), 0) === 0;
}

function macOf(secret: Uint8Array, timeS: number, body: string): Uint8Array {
  return hmac(sha256, secret, utf8(`${timeS}.${body}`));
}
