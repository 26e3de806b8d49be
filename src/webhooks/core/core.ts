/** The door of webhooks' pure part: what is told, how it is signed, and when it is tried again. */
export * from './event.ts';
export * from './signature.ts';
