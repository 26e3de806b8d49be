/** The life of a key: how it is generated, derived from, refreshed, handed on, backed up. Every step gives what to send, or throws an abort with its culprit and durable effect (`attempt` makes it a value). */
export { admitRestored, openBackup, sealBackup, type Restored } from './backup/backup.ts';
export { deriveKeyPair, type RecoveryKeyPair } from './backup/hpke.ts';
export { derive, parsePath, type DerivedKey, type Path } from './derivation.ts';
export { dkgBegin, dkgCommit, dkgFinish, dkgOpen, dkgProve, type DkgFacts } from './dkg.ts';
export { decodeEpoch, decodeRecord, doneDigest, encodeEpoch, encodeRecord, publicPart, testDigest, type Epoch, type KeyRecord, type Origin } from './epoch.ts';
export { exportKey, importKey, mustRefresh, type Exposed, type ImportFacts } from './exposure.ts';
export { refreshBegin, refreshCommit, refreshEcho, refreshFinish, refreshOpen } from './refresh.ts';
export { anchorOf, dealerBegin, dealerCommit, dealerEcho, dealerFinish, dealerOpen } from './reshare/dealer.ts';
export { receiverBegin, receiverEcho, receiverFinish, receiverJoin } from './reshare/receiver.ts';
export { type Anchor, type Inboxes, type ReshareFacts } from './reshare/reshare.ts';
export { type Done, type Sent } from './rounds.ts';
export { type Bundle, type Verify } from './switch/confirmation.ts';
export {
  confirm,
  drop,
  erased,
  gathered,
  lastNumber,
  nextNumber,
  NO_EPOCHS,
  prepared,
  received,
  resume,
  tested,
  watched,
  type Duty,
  type Epochs,
  type Turn,
  type Waiting,
} from './switch/switch.ts';
