import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { assert, concat, Problem, uintBytes, utf8 } from '#base';
import { bitString, booleanTrue, explicit, generalizedTime, integer, objectIdentifier, octetString, sequence, set, utf8String } from './der.ts';

/** SHA-256 of a SubjectPublicKeyInfo (RFC 7469 section 2.4 pins the same bytes), 64 lower-case hexadecimal digits: what operators read to each other. */
export type Fingerprint = string & { readonly __fingerprint: true };

/** Who a node is on the network: one ed25519 key (RFC 8032) for its TLS certificate and its signed statements. */
export interface Identity {
  readonly fingerprint: Fingerprint;
  /** SubjectPublicKeyInfo, 44 bytes. */
  readonly publicKey: Uint8Array;
  /** PEM, self-signed: nobody is asked to vouch for a key that is pinned. */
  readonly certificate: string;
  readonly privateKey: KeyObject;
}

export const IDENTITY_SEED_BYTES = 32;
/** RFC 8410 section 7: everything of a PKCS #8 ed25519 key before its 32-byte seed. */
const PKCS8_PREFIX = Uint8Array.from(Buffer.from('302e020100300506032b657004220420', 'hex'));
const ED25519 = sequence(objectIdentifier('1.3.101.112'));
const COMMON_NAME = '2.5.4.3';
const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
/** Pinned keys end by being unpinned, not by a date that somebody forgets: the "no expiry" of RFC 5280 section 4.1.2.5. */
const NOT_BEFORE = '20200101000000Z';
const NO_EXPIRY = '99991231235959Z';
const FINGERPRINT = /^[0-9a-f]{64}$/;

/** The identity that follows from a secret of 32 random bytes; the certificate too, so that nothing else has to be kept. */
export function identityOf(seed: Uint8Array): Identity {
  if (seed.length !== IDENTITY_SEED_BYTES) throw new Problem('wire/bad-identity', `The seed of an identity has 32 bytes, not ${seed.length}.`);
  const privateKey = createPrivateKey({ key: Buffer.from(concat(PKCS8_PREFIX, seed)), format: 'der', type: 'pkcs8' });
  const publicKey = new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }));
  const fingerprint = fingerprintOf(publicKey);
  return { fingerprint, publicKey, certificate: pem('CERTIFICATE', certificateOf(privateKey, publicKey, fingerprint)), privateKey };
}

/** RFC 8410 section 4: everything of an ed25519 SubjectPublicKeyInfo before its 32 bytes. */
const SPKI_PREFIX = Uint8Array.from(Buffer.from('302a300506032b6570032100', 'hex'));

/** SubjectPublicKeyInfo of an ed25519 public key as operators write it down: 32 bytes. */
export function publicKeyInfo(publicKey: Uint8Array): Uint8Array {
  if (publicKey.length !== 32) throw new Problem('wire/bad-identity', `A public key of a node has 32 bytes, not ${publicKey.length}.`);
  return concat(SPKI_PREFIX, publicKey);
}

/** The 32 bytes that operators write down. */
export function rawPublicKey({ publicKey }: Pick<Identity, 'publicKey'>): Uint8Array {
  return publicKey.slice(SPKI_PREFIX.length);
}

/** Of a SubjectPublicKeyInfo in DER. */
export function fingerprintOf(publicKey: Uint8Array): Fingerprint {
  return createHash('sha256').update(publicKey).digest('hex') as Fingerprint;
}

export function isFingerprint(text: unknown): text is Fingerprint {
  return typeof text === 'string' && FINGERPRINT.test(text);
}

/** RFC 5280 section 4.1: a version 3 certificate of this key by this key. */
function certificateOf(privateKey: KeyObject, publicKey: Uint8Array, fingerprint: Fingerprint): Uint8Array {
  const name = sequence(set(sequence(objectIdentifier(COMMON_NAME), utf8String(`cairn ${fingerprint.slice(0, 16)}`))));
  const serial = createHash('sha256').update('cairn.wire.serial').update(publicKey).digest().subarray(0, 16);
  const critical = (oid: string, value: Uint8Array): Uint8Array => sequence(objectIdentifier(oid), booleanTrue(), octetString(value));
  // keyUsage digitalSignature alone: bit 0 of a string with seven unused bits.
  const digitalSignature = Uint8Array.of(0x03, 0x02, 0x07, 0x80);
  const toBeSigned = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(serial),
    ED25519,
    name,
    sequence(generalizedTimeOrUtc(NOT_BEFORE), generalizedTime(NO_EXPIRY)),
    name,
    publicKey,
    explicit(3, sequence(critical(BASIC_CONSTRAINTS, sequence()), critical(KEY_USAGE, digitalSignature))),
  );
  return sequence(toBeSigned, ED25519, bitString(new Uint8Array(sign(null, toBeSigned, privateKey))));
}

/** RFC 5280 section 4.1.2.5: through 2049 a date MUST be UTCTime, two digits of year. */
function generalizedTimeOrUtc(text: string): Uint8Array {
  const utc = generalizedTime(text.slice(2));
  utc[0] = 0x17;
  return utc;
}

function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** What a node said over its own name, so that others can be shown that it did. */
export interface Statement {
  /** What kind of thing is said: a name that no other kind shares. */
  readonly topic: string;
  readonly body: Uint8Array;
  /** SubjectPublicKeyInfo of the author. */
  readonly author: Uint8Array;
  /** ed25519, 64 bytes. */
  readonly signature: Uint8Array;
}

/** len16(topic) || topic || body behind a fixed first line: TLS 1.3 signs behind 64 blanks (RFC 8446 section 4.4.3), so no statement is ever a handshake. */
function statementBytes(topic: string, body: Uint8Array): Uint8Array {
  const name = utf8(topic);
  return concat(utf8('cairn.wire.statement/v1\n'), uintBytes(name.length, 2), name, body);
}

export function makeStatement(identity: Identity, topic: string, body: Uint8Array): Statement {
  return { topic, body, author: identity.publicKey, signature: new Uint8Array(sign(null, statementBytes(topic, body), identity.privateKey)) };
}

/** The body, where the statement is on this topic and by the owner of this fingerprint; else wire/bad-statement. */
export function bodyOf({ topic, body, author, signature }: Statement, expected: { readonly topic: string; readonly author: Fingerprint }): Uint8Array {
  if (topic !== expected.topic)
    throw new Problem('wire/bad-statement', `A statement on "${topic.slice(0, 40)}" stands where one on "${expected.topic}" is due.`);
  if (fingerprintOf(author) !== expected.author) throw new Problem('wire/bad-statement', `A statement is by another than ${expected.author}.`);
  if (!isSigned(author, statementBytes(topic, body), signature))
    throw new Problem('wire/bad-statement', `The signature over a statement on "${topic}" is not by ${expected.author}.`);
  return body;
}

const STATEMENT_OVERHEAD = 44 + 64 + 2;

/** author 44 || signature 64 || len16(topic) || topic || body. */
export function encodeStatement({ topic, body, author, signature }: Statement): Uint8Array {
  assert(author.length === 44 && signature.length === 64, 'an ed25519 key has 44 bytes as SubjectPublicKeyInfo and its signatures 64');
  const name = utf8(topic);
  return concat(author, signature, uintBytes(name.length, 2), name, body);
}

export function decodeStatement(bytes: Uint8Array): Statement {
  const topicLength = bytes.length >= STATEMENT_OVERHEAD ? bytes[108]! * 256 + bytes[109]! : 0;
  if (bytes.length < STATEMENT_OVERHEAD + topicLength) throw new Problem('wire/bad-statement', `A statement does not fit ${bytes.length} bytes.`);
  return {
    author: bytes.slice(0, 44),
    signature: bytes.slice(44, 108),
    topic: Buffer.from(bytes.subarray(STATEMENT_OVERHEAD, STATEMENT_OVERHEAD + topicLength)).toString('utf8'),
    body: bytes.slice(STATEMENT_OVERHEAD + topicLength),
  };
}

function isSigned(author: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(author), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' && verify(null, bytes, key, signature);
  } catch {
    return false;
  }
}
