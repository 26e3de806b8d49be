/** The door of the protocol: DKLs23 threshold ECDSA on secp256k1. Pure: no I/O, no clock; randomness is a parameter. mpc/PROTOCOL.md maps every step to its function and its test. */
export { type Abort, type AbortCode, type Aborted, type Effect, type Once } from './primitives/abort.ts';
export { type Context, type EpochId, type KeyId, type PairId, type SessionId, type SetupId, type Slot } from './primitives/ids.ts';
export { contextOf, type KeyShare } from './primitives/keyShare.ts';
export { allParties, partyId, signerSet, type PartyId, type Threshold } from './primitives/parties.ts';
export { decodePair, encodePair, Pair, type PairSecrets } from './ot/pair.ts';
export {
  beginSetup,
  decodeSetupExchange,
  decodeSetupOpening,
  encodeSetupExchange,
  encodeSetupOpening,
  exchangeSetup,
  finishSetup,
  openSetup,
  SETUP_EXCHANGE_BYTES,
  SETUP_NONCE_BYTES,
  SETUP_OPENING_BYTES,
  type SetupBegun,
  type SetupChosen,
  type SetupDone,
  type SetupExchanged,
  type SetupParameters,
  type SetupStep,
} from './ot/setup.ts';
export { acceptSigning, type Accepted, type SigningRequest } from './sign/session.ts';
export {
  signRound1,
  signRound2,
  signRound3,
  type AfterRound1,
  type AfterRound2,
  type AfterRound3,
  type Outgoing,
  type Release,
  type SigningStep,
} from './sign/rounds.ts';
export { combine, type Signed } from './sign/combine.ts';
export {
  decodeRound1,
  decodeRound2,
  decodeRound3,
  encodeRound1,
  encodeRound2,
  encodeRound3,
  ROUND1_BYTES,
  ROUND2_BYTES,
  ROUND3_BYTES,
} from './sign/messages.ts';
export { verifyIndependently, type Candidate } from './sign/verify.ts';
export { type Inbox } from './keys/rounds.ts';
export * from './keys/keys.ts';
