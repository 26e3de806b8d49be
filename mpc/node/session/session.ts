/** The door of the sessions: signatures that this node takes part in, and the conversations that they and the ceremonies are held in. */
export { Conversations, END, SAY, type Conversation } from './conversations.ts';
export type { Judge, Verdict } from './judge.ts';
export { epochDataOf, epochDataToJson, foundersOf, KeyRing, type EpochData, type Founders, type Key } from './keyRing.ts';
export { Signer, SIGNING_TIMEOUTS, type SigningEvent } from './signer.ts';
