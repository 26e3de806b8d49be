/** The door of the protocol: DKLs23 threshold ECDSA on secp256k1. Pure: no I/O, no clock; randomness is a parameter. mpc/PROTOCOL.md maps every step to its function and its test. */
export { attempt, type Abort, type AbortCode, type Effect } from './primitives/abort.ts';
export { type Context, type EpochId, type KeyId, type PairId, type SessionId, type SetupId, type Slot } from './primitives/ids.ts';
export { contextOf, type KeyShare } from './primitives/keyShare.ts';
export { allParties, partyId, signerSet, type PartyId, type Threshold } from './primitives/parties.ts';
