import type { AssetNo, Hex, MerchantId } from '#base';
import type { State } from '#ledger/core';
import type { Exported } from '../export/read.ts';
import type { Findings } from '../findings.ts';
import { assetsByToken } from './assets.ts';
import { keyOf, type Authority } from './authority.ts';

/** The keys as the auditor knows them from the merchants themselves. */
export type KnownKeys = ReadonlyMap<MerchantId, Hex>;

/** The platform's own lists of merchants, wallets, payees and orders, against what the merchants signed into the book. */
export function checkDirectory(authority: Authority, state: State, exported: Exported, findings: Findings): void {
  for (const { merchant, key, digest } of exported.merchants) {
    if (keyOf(authority, merchant) !== key || authority.merchantDigests.get(merchant) !== digest)
      findings.add('merchant', null, `The directory gives merchant ${merchant} the key ${key}, which no signed record does`);
  }
  for (const { wallet, merchant, digest } of exported.wallets) {
    const known = authority.wallets.get(wallet);
    if (known?.merchant !== merchant || known.digest !== digest)
      findings.add('wallet', null, `The directory gives wallet ${wallet} to merchant ${merchant}, which no signed record does`);
  }
  checkPayees(authority, assetsByToken(state), exported, findings);
  checkGone(authority, exported, findings);
  for (const { order, merchant, account, fileHash, digest } of exported.orders) {
    const known = authority.orders.get(order);
    if (!known) {
      findings.add('order', null, `The order ${order} of merchant ${merchant} is stored and in no signed record of the book`);
      continue;
    }
    const { message, seq } = known;
    if (message.merchant !== merchant || message.account !== account || message.fileHash !== fileHash || known.digest !== digest)
      findings.add('order', seq, `The order ${order} is stored with another merchant, account or file than its record ${seq}, which the merchant signed`);
  }
}

/** Who was signed for and is gone from the directory would be refused, or signed for anew by somebody else. */
function checkGone(authority: Authority, { merchants, wallets, payees }: Exported, findings: Findings): void {
  const lists = [
    ['merchant', authority.keys, new Set<string>(merchants.map(({ merchant }) => merchant))],
    ['wallet', authority.wallets, new Set<string>(wallets.map(({ wallet }) => wallet))],
    ['payee', authority.payees, new Set<string>(payees.map(({ payee }) => payee))],
  ] as const;
  for (const [kind, signed, listed] of lists)
    for (const id of signed.keys())
      if (!listed.has(id)) findings.add(kind, null, `The ${kind} ${id} is in a signed record of the book and not in the directory`);
}

function checkPayees(authority: Authority, assets: ReadonlyMap<Hex, AssetNo>, { payees }: Exported, findings: Findings): void {
  for (const entry of payees) {
    const known = authority.payees.get(entry.payee);
    if (!known) {
      findings.add('payee', null, `The payee ${entry.payee} (${entry.name}) is in the directory and in no signed record of the book`);
      continue;
    }
    const { message, seq } = known;
    const same = message.merchant === entry.merchant && message.name === entry.name && message.account === entry.account && known.digest === entry.digest;
    if (!same || message.settlementAddress !== entry.address || assets.get(message.token) !== entry.asset)
      findings.add(
        'payee',
        seq,
        `The payee ${entry.payee} is in the directory as ${entry.name}, ${entry.account}, ${entry.address} in asset ${entry.asset}; record ${seq}, which the merchant signed, says ${message.name}, ${message.account}, ${message.settlementAddress} in ${message.token}`,
      );
  }
}

/** Where the operator registered a key that the merchant never had. */
export function checkKnownKeys(authority: Authority, known: KnownKeys, findings: Findings): void {
  for (const [merchant, keys] of authority.keys) {
    const expected = known.get(merchant);
    if (expected === undefined) findings.add('merchant', null, `The book has a merchant ${merchant}, whom the list of keys does not name`);
    else if (!keys.includes(expected))
      findings.add('merchant', null, `Merchant ${merchant} signs with ${keys.join(', then ')} in the book, and you know ${expected}`);
  }
}
