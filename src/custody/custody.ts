/** The door of custody: asks for signatures over structured intents. Nothing behind it is ever seen in front of it. */
export { signatureOf, type Patience } from './await.ts';
export { openDevelopmentCustody, requireLocalChain, type DevelopmentCustodyOptions } from './development.ts';
export type { Custody, Outcome, SignatureRequestId } from './types.ts';
export { loadKey, loadOrCreateKey } from './keyStore.ts';
export { openOperators, type Operators, type OperatorsOptions } from './operators.ts';
export { openThresholdCustody, type SignerNode, type ThresholdCustody, type ThresholdCustodyOptions, type ThresholdEvent } from './threshold/threshold.ts';
