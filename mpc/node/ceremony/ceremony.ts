/** The door of the ceremonies: what makes and changes keys among all nodes, and the peers that it is held with. */
export { fingerprintOfAnchor, keyAnchorFromJson, keyAnchorOf, keyAnchorToJson, type KeyAnchor } from './anchor.ts';
export { leavingProofOf, readLeavingProof } from './leaving.ts';
export { Ceremonies, CEREMONY_TIMEOUTS } from './ceremonies.ts';
export { BUNDLE, CONFIRMED, EpochSwitch, identitiesIn } from './epochs.ts';
export { keyIdOf } from './keyId.ts';
export { call, partiesOf, signerSetsOf, verifierOf, type Group, type Peer } from './peers.ts';
export { MEET, Rendezvous } from './rendezvous.ts';
export type { Evidence } from './talk.ts';
