import type { Account, Hold, LedgerRecord, TransferRecord } from '#ledger/core';
import { demand } from '../finding.ts';
import type { View } from './view.ts';

/** What a record makes of the accounts and holds it is about. */
export interface Effects {
  readonly accounts: readonly Account[];
  readonly holds: readonly Hold[];
}

const NOTHING: Effects = { accounts: [], holds: [] };

/** Moves two accounts: so much more pending (less, where it is negative) and so much more posted. */
function moved(view: View, debitId: string, creditId: string, pending: bigint, posted: bigint, seq: bigint): Account[] {
  const debit = view.account(debitId);
  const credit = view.account(creditId);
  demand(debit && credit, 'accounts exist', () => `record ${seq} moves between ${debitId} and ${creditId}, which are not both open`);
  return [
    { ...debit, debitsPending: debit.debitsPending + pending, debitsPosted: debit.debitsPosted + posted, seq },
    { ...credit, creditsPending: credit.creditsPending + pending, creditsPosted: credit.creditsPosted + posted, seq },
  ];
}

function ofTransfer(view: View, record: TransferRecord): Effects {
  const { id, seq, debit, credit, asset, amount, code, reference, flags } = record;
  if (flags & 2) {
    const times = { settles: (flags & 64) > 0, expiresMs: record.timeoutS && record.nowMs + 1_000 * record.timeoutS };
    const fresh = { captured: 0n, status: 'open' as const, closedBy: null, windowSeq: null, releaseSeq: null };
    return { accounts: moved(view, debit, credit, amount, 0n, seq), holds: [{ id, seq, debit, credit, asset, amount, code, reference, ...times, ...fresh }] };
  }
  if (!(flags & 12)) return { accounts: moved(view, debit, credit, 0n, amount, seq), holds: [] };
  const hold = view.hold(record.pendingId);
  demand(hold?.status === 'open', 'holds are open', () => `record ${seq} settles ${record.pendingId}, which is ${hold?.status ?? 'not there'}`);
  const rest = hold.amount - hold.captured;
  demand(amount <= rest, 'captures fit', () => `record ${seq} takes ${amount} of the ${rest} that are left of ${hold.id}`);
  if (flags & 8) return { accounts: moved(view, hold.debit, hold.credit, -rest, 0n, seq), holds: [{ ...hold, status: 'voided', closedBy: id }] };
  const captured = hold.captured + amount;
  const isLast = (flags & 128) > 0 || captured === hold.amount;
  const becomes: Hold = isLast ? { ...hold, captured, status: 'posted', closedBy: id } : { ...hold, captured };
  return { accounts: moved(view, hold.debit, hold.credit, isLast ? -rest : -amount, amount, seq), holds: [becomes] };
}

/** The effects of a record on the book before it. */
export function effectsOf(view: View, record: LedgerRecord): Effects {
  const { seq } = record;
  switch (record.kind) {
    case 'transfer':
      return ofTransfer(view, record);
    case 'expiry': {
      const hold = view.hold(record.transfer);
      demand(hold?.status === 'open', 'holds are open', () => `record ${seq} expires ${record.transfer}, which is ${hold?.status ?? 'not there'}`);
      return { accounts: moved(view, hold.debit, hold.credit, hold.captured - hold.amount, 0n, seq), holds: [{ ...hold, status: 'expired' }] };
    }
    case 'account': {
      const { id, asset, code, flags, overdraft, owner } = record;
      const known = view.account(id);
      if (known) return { accounts: [{ ...known, flags, seq }], holds: [] };
      const zero = { debitsPending: 0n, debitsPosted: 0n, creditsPending: 0n, creditsPosted: 0n };
      return { accounts: [{ id, asset, code, flags, overdraft, owner, ...zero, seq }], holds: [] };
    }
    case 'window':
      return { accounts: [], holds: view.untaken().flatMap((hold) => (hold.seq >= record.fromSeq ? [{ ...hold, windowSeq: seq }] : [])) };
    case 'release': {
      const hold = view.hold(record.transfer);
      demand(hold, 'holds are open', () => `record ${seq} releases ${record.transfer}, which is not there`);
      return { accounts: [], holds: [{ ...hold, releaseSeq: seq }] };
    }
    default:
      return NOTHING;
  }
}
