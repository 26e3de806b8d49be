/** The door of the ABIs, for whoever decodes without a chain: data, and nothing that does anything. */
export { LEDGER_ANCHOR_ABI } from './ledger-anchor.ts';
export { SAFE_ABI } from './safe.ts';
export { SETTLEMENT_VAULT_ABI } from './settlement-vault.ts';
export { TIMELOCK_ABI } from './timelock.ts';
