import { isHex, Problem, utf8, type Hex } from '#base';
import { intentDigest, intentFromJson, intentToJson, roleOf, type Intent, type Role } from '#custody/intents';

/** What a coordinator asks the signers of a set for, each by itself: never a digest, always what it is the digest of. */
export interface SignRequest {
  /** 32 bytes, drawn by whoever asks, new for every attempt. It names the attempt and promises nothing. */
  readonly requestId: Hex;
  readonly intent: Intent;
  /** Which key signs: that of the intent's own role. */
  readonly role: Role;
  /** S: party ids in order. */
  readonly signers: readonly number[];
  /** Non-hardened steps below the key; empty for the key itself. */
  readonly path: readonly number[];
  /** Approvals and the like, which are the judges' to read. */
  readonly evidence: unknown;
  /** m, computed here from the intent: 32 bytes. */
  readonly digest: Uint8Array;
}

const MEMBERS = ['requestId', 'intent', 'signers', 'path', 'evidence'];
const MAX_STEPS = 16;
const MAX_REQUEST_BYTES = 1 << 17;
const HARDENED = 2 ** 31;

/** UTF-8 of the request as a coordinator sends it; role and digest are left out, because nobody would believe them. */
export function requestToJson({ requestId, intent, signers, path, evidence }: Omit<SignRequest, 'role' | 'digest'>): Uint8Array {
  const rest = JSON.stringify({ requestId, signers, path, ...(evidence === undefined ? {} : { evidence }) });
  return utf8(`${rest.slice(0, -1)},"intent":${intentToJson(intent)}}`);
}

/** The request that somebody sent, with the digest that this node computed for it; session/bad-request or custody/bad-intent. */
export function requestFromJson(bytes: Uint8Array): SignRequest {
  // What is asked is written into every node's audit log, also where it is refused.
  if (bytes.length > MAX_REQUEST_BYTES)
    throw new Problem('session/bad-request', `A request has at most ${MAX_REQUEST_BYTES} bytes, and this one ${bytes.length}.`);
  const json = objectOf(bytes);
  const stranger = Object.keys(json).find((member) => !MEMBERS.includes(member));
  if (stranger !== undefined) throw new Problem('session/bad-request', `A request has no member ${stranger.slice(0, 40)}.`);
  const { requestId, signers, path, evidence } = json;
  if (typeof requestId !== 'string' || !isHex(requestId, 32)) throw new Problem('session/bad-request', 'The request id is no 32 bytes in hexadecimal.');
  if (!isList(signers, 0xff) || signers.some((id, i) => id < 1 || (i > 0 && id <= signers[i - 1]!)))
    throw new Problem('session/bad-request', 'The signers are no party ids, each once and in order.');
  if (!isList(path, HARDENED - 1) || path.length > MAX_STEPS)
    throw new Problem('session/bad-request', `The path is no list of at most ${MAX_STEPS} non-hardened steps.`);
  const intent = intentFromJson(json['intent']);
  return { requestId, intent, role: roleOf(intent), signers, path, evidence, digest: intentDigest(intent) };
}

function objectOf(bytes: Uint8Array): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Problem('session/bad-request', 'The request is no JSON.');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Problem('session/bad-request', 'The request is no object.');
  return json as Record<string, unknown>;
}

function isList(value: unknown, most: number): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isInteger(item) && item >= 0 && item <= most);
}
