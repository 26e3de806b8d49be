/**
 * Every domain tag there is (digest 2.1): one distinct versioned name a use, in one list, so that a second use of a name is seen here and by a test. `hash.ts` takes no other.
 * What the digest leaves without a name (the two commitments of 4.1, the two inner hashes of theta, the hash-to-curve tags of 4.3) has one here.
 */
export const TAGS = [
  // Identities (2.5, 2.6)
  'epoch/v1',
  'ctx/v1',
  'sign-sid/v1',
  'setup-sid/v1',
  'setup-id/v1',
  'pair/v1',
  // Key generation (3)
  'proposal/v1',
  'dkg-sid/v1',
  'dkg-com/v1',
  'dkg-rho/v1',
  'dkg-pok/v1',
  'dkg-echo/v1',
  'dkg-cc/v1',
  'dkg-done/v1',
  'test-sign/v1',
  // Pairwise set-up (4)
  'zseed-com/v1',
  'zseed/v1',
  'zero/v1',
  'bot-h2c/v1',
  'bot-key/v1',
  // OT extension (5)
  'ote-prg/v1',
  'ote-chi/v1',
  'ote-t/v1',
  'ote-row/v1',
  // RVOLE (6)
  'gadget/v1',
  'rvole-ot/v1',
  'rvole-at/v1',
  'rvole-theta/v1',
  'rvole-mu/v1',
  // Signing (7)
  'sign-com/v1',
  'sign-echo/v1',
  // Refresh (10)
  'refresh-sid/v1',
  'refresh-com/v1',
  'refresh-echo/v1',
  'refresh-done/v1',
  // Reshare (11.1)
  'reshare-sid/v1',
  'reshare-com/v1',
  'reshare-echo/v1',
  'reshare-done/v1',
  'reshare-anchor/v1',
  'chain-code/v1',
  // Import (11.2)
  'import-done/v1',
  // Backup (11.3)
  'backup-aad/v1',
] as const;

export type Tag = (typeof TAGS)[number];
