/** The door of custody: asks for signatures over structured intents. Nothing behind it is ever seen in front of it. */
export { signatureOf, type Patience } from './await.ts';
export type { Custody, Outcome, SignatureRequestId } from './types.ts';
export { loadKey, loadOrCreateKey } from './keyStore.ts';
export { openOperators, type Operators, type OperatorsOptions } from './operators.ts';
export type { PageSource } from './threshold/feeder.ts';
export { openSigners, type SignersOptions } from './threshold/signers.ts';
export {
  openThresholdCustody,
  type SignerNode,
  type ThresholdCustody,
  type ThresholdCustodyOptions,
  type ThresholdEvent,
  type WatchFacts,
} from './threshold/threshold.ts';
