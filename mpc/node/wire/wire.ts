/** The door of wire: who a node is, whom it believes, and calls between nodes over mutual TLS 1.3. What is said in them is the business of the sessions. */
export {
  bodyOf,
  decodeStatement,
  encodeStatement,
  fingerprintOf,
  identityOf,
  IDENTITY_SEED_BYTES,
  isFingerprint,
  makeStatement,
  publicKeyInfo,
  rawPublicKey,
  type Fingerprint,
  type Identity,
  type Statement,
} from './identity.ts';
export { WIRE_LIMITS, type WireLimits } from './limits.ts';
export { openLink, type CallPatience, type Link, type LinkOptions } from './link.ts';
export { listen, type Answer, type Listener, type WireEvent } from './listener.ts';
export { openPins, type Caller, type Part, type Pinned, type Pins } from './pins.ts';
export { Buckets, RefusalLimit } from './refusals.ts';
