/** The door of identity: who the merchants are, which wallets are theirs and whom they may pay, each shown by their own signature. */
export * from './directory.ts';
export { evidenceReader, type EvidenceReader } from './evidence.ts';
export {
  findMerchant,
  findPayee,
  findPayeeById,
  listMerchants,
  listPayees,
  moveSearch,
  walletOwner,
  openSearches,
  type Merchant,
  type Payee,
  type WalletSearch,
} from './store.ts';
