import { merchantDomain } from '#identity/core';
import { emptyState } from '#ledger/core';
import type { ChainFacts } from './chain/facts.ts';
import { checkAnchored } from './checks/anchored.ts';
import { emptyAuthority, stepAuthority } from './checks/authority.ts';
import { checkUncredited, depositBook, stepDeposit } from './checks/deposits.ts';
import { checkDirectory, checkKnownKeys, type KnownKeys } from './checks/directory.ts';
import { checkMissingLegs, stepHold, stepTariff, type HoldBook } from './checks/holds.ts';
import { checkBalances, stepJournal } from './checks/journal.ts';
import { checkLog } from './checks/log.ts';
import { checkReserve, stepAccount, stepOther } from './checks/money.ts';
import { checkPayments } from './checks/payments.ts';
import { checkSettlement } from './checks/settlement.ts';
import type { Exported } from './export/read.ts';
import { Findings, type Finding } from './findings.ts';

/** What was looked at, and what did not agree. */
export interface AuditResult {
  /** In the order of the book; those about no record last. */
  readonly findings: readonly Finding[];
  /** The first batch with a finding: from there on the export is not to be relied on. Null where there is none, or where they are about no batch. */
  readonly sinceBatch: bigint | null;
  readonly checked: {
    readonly records: number;
    readonly sealed: number;
    readonly anchored: number;
    readonly anchors: number;
    readonly accounts: number;
    readonly signatures: number;
    readonly deposits: number;
    /** Of them: left suspense once their wallet was registered. */
    readonly claimed: number;
    readonly payments: number;
    readonly windows: number;
    readonly instructions: number;
    readonly paid: number;
    readonly returned: number;
    readonly open: number;
    readonly finalBlock: number;
  };
}

/**
 * Checks an export against the chain and against itself. Nothing of it is believed: the book is replayed, every hash recomputed, every signature recovered, every
 * price computed again, and the money compared with what arrived in the vault and left it.
 */
export function auditExport(exported: Exported, chain: ChainFacts, knownKeys?: KnownKeys): AuditResult {
  const findings = new Findings(exported);
  for (const { seq, why } of exported.unreadable) findings.add('record', seq, `Record ${seq ?? '(without a place)'} is no record: ${why.replace(/\.$/, '')}`);
  const log = checkLog(exported, findings);
  checkAnchored(exported, chain, findings);

  const { header } = exported;
  const state = emptyState();
  const authority = emptyAuthority(merchantDomain(header.chainId, header.vault), exported);
  const holds: HoldBook = { header, authority, tariffs: new Map(), payments: new Map(), announced: new Map(), booked: new Set() };
  const deposits = depositBook(header, chain);
  for (const { record } of exported.records) {
    stepJournal(state, record, findings);
    stepAuthority(authority, state, record, findings);
    stepAccount(header.book, record, findings);
    stepTariff(holds, record, findings);
    if (record.kind !== 'transfer') continue;
    if (stepDeposit(deposits, authority, state, record, findings) || stepHold(holds, state, record, findings)) continue;
    stepOther(state, record, findings);
  }
  checkMissingLegs(holds, findings);
  checkBalances(state, exported, findings);
  checkDirectory(authority, state, exported, findings);
  if (knownKeys) checkKnownKeys(authority, knownKeys, findings);
  checkPayments(holds, state, exported, findings);
  const { unposted, ...settled } = checkSettlement(holds, state, exported, chain, findings);
  checkReserve(header, state, chain, checkUncredited(deposits, findings), unposted, findings);

  const checked = {
    records: exported.records.length,
    ...log,
    anchors: chain.anchored.length,
    accounts: state.accounts.size,
    signatures: authority.signatures,
    deposits: deposits.credited.size,
    claimed: deposits.claimed,
    payments: holds.payments.size,
    ...settled,
    finalBlock: chain.finalBlock,
  };
  const batches = findings.all.flatMap(({ batch }) => (batch === null ? [] : [batch]));
  return { findings: inOrder(findings.all), sinceBatch: batches.length === 0 ? null : batches.reduce((a, b) => (a < b ? a : b)), checked };
}

/** By batch, in it by record; what is about a whole batch before its records, what is about neither last. */
function inOrder(findings: readonly Finding[]): readonly Finding[] {
  const last = 1n << 80n;
  const key = ({ batch, seq }: Finding): readonly [bigint, bigint] => [batch ?? last, seq ?? (batch === null ? last : 0n)];
  return [...findings].sort((a, b) => {
    const [[batchA, seqA], [batchB, seqB]] = [key(a), key(b)];
    if (batchA !== batchB) return batchA < batchB ? -1 : 1;
    return seqA === seqB ? 0 : seqA < seqB ? -1 : 1;
  });
}
