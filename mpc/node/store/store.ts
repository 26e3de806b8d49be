/** What a node's disk must remember, and nothing else may read: shares, pairs, what was poisoned, released and spent, and the policy in force. */
export type { Confirmation, EpochMade, EpochRef, FileRef, PairMade, Poisoned, Released } from './events.ts';
export { rewrapHeader } from './header.ts';
export { storeTag } from './journal.ts';
export { keyFileProvider, passphraseProvider, unwrapMoved, type Argon2Cost, type KeyProvider, type WrappedKey } from './keyProvider.ts';
export { CRASHES_THAT_POISON, type Suspicion } from './marks.ts';
export { NodeStore } from './nodeStore.ts';
export { MAX_INVALID_SIGNATURES } from './suspensions.ts';
export type { EpochRecord, EpochStatus, PairRecord, PairStatus } from './state.ts';
export type { NewEpoch, NewPair, OpenOptions, PeersMemory, SigningSession, StoreOptions, TestSession } from './types.ts';
