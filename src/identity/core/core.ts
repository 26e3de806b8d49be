/** The pure half of identity: what a merchant signs, and whether he did. No clock, no store. */
export * from './authorisation.ts';
export * from './messages.ts';
export * from './signature.ts';
export * from './verify.ts';
