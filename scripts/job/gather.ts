import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatDecimal, isOutage, NIL_UUID, Problem, type Asset, type AssetNo, type Hex, type PaymentId } from '#base';
import { listMerchants } from '#identity';
import { receiptOfPayment, allInstructions, payoutsOf, payoutTransactionId, payoutOfPayment, type StoredInstruction } from '#settlement';
import { chartAccount, type LedgerRecord } from '#ledger/core';
import { contradictionsOf } from '#reconciliation';
import { listPayments, type Payment, type SubmittedOrder } from '#payments';
import type { QuoteEvidence } from '#payments/core';
import type { Platform } from '#main';
import type { Example } from '../example/example.ts';
import type { AnchorFact, DepositFact, InstructionFact, JobFacts, PaymentFact, ReconciliationFact } from './facts.ts';

/** Checks one receipt with nothing but its text and an RPC endpoint; the sentence says what is wrong. */
export type VerifyReceipt = (receipt: string, rpcUrl: string) => Promise<string | null>;

export interface GatherOptions {
  readonly platform: Platform;
  readonly example: Example;
  readonly orders: readonly SubmittedOrder[];
  readonly receiptsDir: string;
  readonly verify: VerifyReceipt;
  readonly timing: JobFacts['timing'];
  readonly onStep: (text: string) => void;
}

/** Everything the report shows, each line from its own source: payments, the book, the chain. */
export async function gatherFacts(options: GatherOptions): Promise<JobFacts> {
  const { platform, onStep } = options;
  const { deployment } = platform;
  onStep('every payment gets its receipt, and the independent verifier checks each');
  mkdirSync(options.receiptsDir, { recursive: true });
  const payments: PaymentFact[] = [];
  for (const { order, payments: ofOrder } of options.orders) {
    const merchant = options.example.merchants.find(({ id }) => id === order.merchant)?.name ?? order.merchant;
    for (const payment of ofOrder) payments.push(await paymentFact(options, payment, merchant));
  }
  onStep('ledger, payments and chain are reconciled');
  const reconciliation = await reconcile(platform);
  const anchors = await anchorFacts(platform);
  const isRight = payments.every(({ verified, state }) => verified !== false && (state === 'refused' || verified === true));
  return {
    format: 'cairn-job/1',
    ok: isRight && reconciliation.every(({ contradictions }) => contradictions.length === 0) && expectedOutcomes(options),
    simulated: simulatedParts(options),
    deployment: {
      chainId: `${platform.client.chainId}`,
      rpcUrl: platform.client.rpcUrl,
      book: platform.bookId,
      anchor: deployment.anchor,
      vault: deployment.vault,
      timelock: deployment.timelock,
      tokens: deployment.tokens.map(({ symbol, address, decimals }) => ({ symbol, address, decimals })),
    },
    deposits: await depositFacts(platform, options.example),
    payments,
    instructions: await instructionFacts(platform),
    anchors,
    reconciliation,
    timing: options.timing,
  };
}

/** Where the example promises what becomes of a payment, that is part of the verification. */
function expectedOutcomes({ example, orders }: GatherOptions): boolean {
  return orders.every(({ order, payments }) => {
    const promised = example.orders.find(({ id }) => id === order.order)?.outcomes;
    return !promised || payments.every(({ state, position }) => (promised[position] === 'paid') === (state === 'settled'));
  });
}

function simulatedParts({ platform, example }: GatherOptions): string[] {
  const isForeign = example.orders.every(({ outcomes }) => outcomes === null);
  return [
    ...(platform.local ? ['the chain is a local one, on this machine only', 'the stablecoins are test tokens that anybody here can issue'] : []),
    'the three signer nodes run on this one machine: who takes it has all of them',
    'the merchants are example clients with public keys; the sanctions list of the example is fictitious; the FX rates are a file',
    ...(platform.areOperatorsRehearsed ? ['the operators who govern with the owner key are key files of this machine: nobody stands behind them'] : []),
    ...(isForeign ? ['the payees’ addresses were invented: nobody is behind them'] : []),
  ];
}

async function paymentFact(options: GatherOptions, payment: Payment, merchant: string): Promise<PaymentFact> {
  const { platform } = options;
  const evidence = payment.quote ? (JSON.parse(payment.quote) as QuoteEvidence) : null;
  const payout = await payoutOfPayment(platform.database.pool, payment.payment);
  const proof = payment.holdSeq === null ? { receipt: null, verified: null, problem: null } : await prove(options, payment);
  return {
    id: payment.payment,
    merchant,
    endToEndId: payment.endToEndId,
    payee: payment.creditorName,
    instructed: payment.instructed,
    currency: payment.currency,
    state: payment.state,
    reasonCode: payment.reasonCode,
    reason: payment.reason,
    pays: evidence && { amount: formatDecimal(BigInt(evidence.price.principal), evidence.payeeAsset.decimals), asset: evidence.payeeAsset.symbol },
    costs: evidence && costsOf(evidence),
    rate: evidence && rateOf(evidence),
    transaction: payout?.txHash ?? null,
    ...proof,
  };
}

function costsOf({ price, payerAsset }: QuoteEvidence) {
  const shown = (amount: string) => formatDecimal(BigInt(amount), payerAsset.decimals);
  return { total: shown(price.total), fee: shown(price.fee), spread: shown(price.spread), rounding: shown(price.rounding), asset: payerAsset.symbol };
}

/** What a unit of the ordered currency costs the merchant, spread included, fee apart: six digits. */
function rateOf({ price, payerAsset, payeeAsset, instructed }: QuoteEvidence): string | null {
  if (payerAsset.asset === payeeAsset.asset && instructed.currency === payerAsset.peg) return null;
  const cost = (BigInt(price.cost) + BigInt(price.spread)) * 10n ** BigInt(instructed.decimals) * 1_000_000n;
  return formatDecimal(cost / (BigInt(instructed.amountMinor) * 10n ** BigInt(payerAsset.decimals)), 6);
}

async function prove({ platform, receiptsDir, verify }: GatherOptions, payment: Payment): Promise<Pick<PaymentFact, 'receipt' | 'verified' | 'problem'>> {
  const file = join(receiptsDir, `${payment.payment}.json`);
  try {
    const text = `${JSON.stringify(await receiptOfPayment(platform, payment.payment), null, 1)}\n`;
    writeFileSync(file, text);
    const problem = await verify(text, platform.client.rpcUrl);
    return { receipt: file, verified: problem === null, problem };
  } catch (error) {
    if (!(error instanceof Problem) || isOutage(error)) throw error;
    return { receipt: null, verified: false, problem: error.detail };
  }
}

async function* recordsOf({ book }: Platform): AsyncGenerator<LedgerRecord> {
  for (let fromSeq = 1n; ;) {
    const page = await book.records({ fromSeq, limit: 1_000 });
    if (page.length === 0) return;
    yield* page;
    fromSeq = page.at(-1).seq + 1n;
  }
}

interface DepositField {
  readonly transactionHash: Hex;
  readonly kind: string;
}

async function depositFacts(platform: Platform, example: Example): Promise<DepositFact[]> {
  const facts: DepositFact[] = [];
  for await (const record of recordsOf(platform)) {
    // What leaves suspense came in before.
    if (record.kind !== 'transfer' || !record.fields?.deposit || record.debit !== chartAccount(platform.bookId, 'vault', record.asset)) continue;
    const asset = platform.assets.get(record.asset)!;
    const owner = [...example.merchants].find(({ id }) => chartAccount(platform.bookId, 'merchant', record.asset, id) === record.credit);
    const deposit = JSON.parse(record.fields.deposit) as DepositField;
    const isLiquidity = record.credit === chartAccount(platform.bookId, 'fxPosition', record.asset);
    facts.push({
      owner: owner?.name ?? (isLiquidity ? 'operator’s FX position' : 'another merchant, or suspense until its wallet is registered'),
      asset: asset.symbol,
      amount: formatDecimal(record.amount, asset.decimals),
      method: deposit.kind === 'plain' ? 'transfer' : (owner?.deposit.method ?? 'authorization'),
      transaction: deposit.transactionHash,
      seq: `${record.seq}`,
    });
  }
  return facts;
}

async function instructionFacts(platform: Platform): Promise<InstructionFact[]> {
  const facts: InstructionFact[] = [];
  for (const stored of await allInstructions(platform.database.pool, platform.bookId)) {
    const payouts = await payoutsOf(platform.database.pool, stored.id);
    const asset = platform.assets.get(stored.asset)!;
    facts.push({
      instruction: stored.id,
      asset: asset.symbol,
      count: payouts.length,
      paid: payouts.filter(({ state }) => state === 'booked').length,
      returned: payouts.filter(({ state }) => state === 'returned').length,
      total: formatDecimal(stored.total, asset.decimals),
      transactions: await transactionsOf(platform, stored),
    });
  }
  return facts;
}

async function transactionsOf({ outbox }: Platform, stored: StoredInstruction): Promise<{ hash: Hex; gas: string }[]> {
  const sent: { hash: Hex; gas: string }[] = [];
  for (let attempt = 0; attempt < stored.attempts; attempt++) {
    const { receipt } = await outbox.transaction(payoutTransactionId(stored.id, attempt));
    if (receipt) sent.push({ hash: receipt.hash, gas: `${receipt.gasUsed}` });
  }
  return sent;
}

async function anchorFacts(platform: Platform): Promise<AnchorFact[]> {
  const batches = await platform.prover.batches(platform.bookId, 0n, 10_000);
  const facts: AnchorFact[] = [];
  for (const { anchor, firstSeq, lastSeq } of batches) {
    if (!anchor?.transactionHash) continue;
    const receipt = await platform.client.read('an anchor transaction', (viem) => viem.getTransactionReceipt({ hash: anchor.transactionHash! }));
    facts.push({
      index: Number(anchor.index),
      firstSeq: `${firstSeq}`,
      lastSeq: `${lastSeq}`,
      transaction: anchor.transactionHash,
      block: `${receipt.blockNumber}`,
      gas: `${receipt.gasUsed}`,
    });
  }
  return facts;
}

async function reconcile(platform: Platform): Promise<ReconciliationFact[]> {
  const finalBlock = await platform.client.finalBlock();
  const facts: ReconciliationFact[] = [];
  for (const asset of platform.assets.values()) {
    const figures = await figuresOf(platform, asset, finalBlock);
    const shown = (amount: bigint) => formatDecimal(amount, asset.decimals);
    facts.push({
      asset: asset.symbol,
      chain: shown(figures.chainBalance),
      ledger: shown(figures.ledgerBalance),
      payments: shown(figures.deposited - figures.settled),
      contradictions: contradictionsOf(figures).map(({ what, expected, found }) => `${what}: ${shown(expected)} expected, ${shown(found)} found`),
    });
  }
  return facts;
}

async function figuresOf(platform: Platform, asset: Asset, finalBlock: bigint) {
  const token = platform.deployment.tokens.find(({ symbol }) => symbol === asset.symbol)!;
  const totals = await bookTotals(platform, asset.asset);
  const paidOnChain = await paidByVault(platform, asset.asset);
  const settled = await settledByPayments(platform, asset.asset);
  return {
    asset,
    finalBlock,
    chainBalance: await platform.vault.balanceOf(token.address, platform.deployment.vault, finalBlock),
    ...totals,
    settled,
    paidOnChain,
    depositsUnderWay: 0n,
    payoutsUnderWay: paidOnChain - settled,
  };
}

async function bookTotals(platform: Platform, asset: AssetNo) {
  const vault = chartAccount(platform.bookId, 'vault', asset);
  let ledgerOwed = 0n;
  let deposited = 0n;
  const seen = new Set<string>();
  for await (const record of recordsOf(platform)) {
    if (record.kind === 'transfer' && record.debit === vault && record.fields?.deposit) deposited += record.amount;
    if (record.kind !== 'account' || record.asset !== asset || record.id === vault || seen.has(record.id)) continue;
    seen.add(record.id);
    const account = (await platform.book.account(record.id))!;
    ledgerOwed += account.creditsPosted - account.debitsPosted;
  }
  const account = (await platform.book.account(vault))!;
  return { ledgerBalance: account.debitsPosted - account.creditsPosted, ledgerOwed, deposited };
}

/** By the vault's own bits, word by word. */
async function paidByVault(platform: Platform, asset: AssetNo): Promise<bigint> {
  let paid = 0n;
  for (const instruction of await allInstructions(platform.database.pool, platform.bookId)) {
    if (instruction.asset !== asset) continue;
    const state = await platform.vault.stateOf(instruction.id);
    for (const index of state.paid.keys()) paid += BigInt(`0x${instruction.words[index]!.slice(42)}`);
  }
  return paid;
}

/** By the payments' own states and quotes. */
async function settledByPayments(platform: Platform, asset: AssetNo): Promise<bigint> {
  let settled = 0n;
  for (const { merchant } of await listMerchants(platform.database.pool)) {
    for (let after = NIL_UUID as PaymentId; ;) {
      const page = await listPayments(platform.database.pool, merchant, after, 1_000);
      if (page.length === 0) break;
      for (const { state, quote } of page) {
        const evidence = state === 'settled' ? (JSON.parse(quote!) as QuoteEvidence) : null;
        if (evidence?.payeeAsset.asset === asset) settled += BigInt(evidence.price.principal);
      }
      after = page.at(-1).payment;
    }
  }
  return settled;
}
