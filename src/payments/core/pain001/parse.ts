import { sha256 } from '@noble/hashes/sha2.js';
import { Problem, toHex } from '#base';
import { ibanDefect, readAccount, readParty } from './accounts.ts';
import { decodeXml } from './decode.ts';
import { addDecimals, plainDecimal, type Decimal } from './decimals.ts';
import { all, at, bad, dateOf, dateTimeOf, decimalOf, optional, optionalText, pathOf, required, textOf } from './fields.ts';
import { duplicateKey, readDefaults, readPayment, type ReadPayment } from './payment.ts';
import type { Defect, Pain001Version, ParsedOrderFile, ParsedPayment, PaymentGroup } from './types.ts';
import { parseXml, type XmlElement } from './xml.ts';

/** Payments a file may carry. */
export const MAX_PAYMENTS = 20_000;

/**
 * A discrepancy a caller may accept by name, where other evidence outweighs it: NbOfTxs is a checksum against lost lines, and a control sum that is stated and adds
 * up, under a signature that binds the true count, is a stronger one. (A published sample file of a bank says 7 and has 8.)
 */
export type Acceptance = 'payments/count-mismatch';

/** ISO's own namespace, SIX's (…/pain.001.001.03.ch.02.xsd) and the German banks' variants (pain.001.003.03). */
const NAMESPACE = /^[A-Za-z][\w.+:/-]*[:/]pain\.001\.00[1-3]\.(03|09)(?:\.[a-z]{2}\.\d{2})?(?:\.xsd)?$/;
const ZERO: Decimal = { units: 0n, scale: 0 };

function versionOf(root: XmlElement): Pain001Version {
  const version = NAMESPACE.exec(root.namespace)?.[1];
  if (root.name === 'Document' && (version === '03' || version === '09')) return version;
  const shown = `<${root.name.slice(0, 60)}> of "${root.namespace.slice(0, 120)}"`;
  throw new Problem('payments/unsupported-message', `${shown} is not a pain.001 of version .03 or .09.`, { namespace: root.namespace.slice(0, 200) });
}

/** An element of another namespace means something only to whoever wrote it, except where the message leaves room for that. */
function refuseForeign(element: XmlElement, namespace: string): void {
  if (element.namespace !== namespace) throw bad(element.path, `belongs to the namespace "${element.namespace.slice(0, 100)}".`);
  for (const child of element.children) if (child.name !== 'SplmtryData') refuseForeign(child, namespace);
}

/** A bare date (.03), or a choice of Dt and DtTm (.09). */
function executionDate(info: XmlElement): string {
  const element = required(info, 'ReqdExctnDt');
  const date = optional(element, 'Dt');
  const time = optional(element, 'DtTm');
  if (time) return dateTimeOf(time).slice(0, 10);
  return dateOf(date ?? element);
}

function countOf(element: XmlElement): number {
  if (!/^\d{1,15}$/.test(element.text)) throw bad(element.path, `"${element.text.slice(0, 40)}" is not a number of payments.`);
  return Number(element.text);
}

function sumOf(read: readonly ReadPayment[]): Decimal {
  return read.reduce((sum, { decimal }) => addDecimals(sum, decimal), ZERO);
}

function sumAgrees(element: XmlElement | null, sum: Decimal): boolean {
  return element !== null && plainDecimal(decimalOf(element, 18, 17)) === plainDecimal(sum);
}

function requireSum(element: XmlElement | null, sum: Decimal): void {
  if (element === null || sumAgrees(element, sum)) return;
  const detail = `${element.path} says ${element.text.slice(0, 40)} and the amounts add up to ${plainDecimal(sum)}.`;
  throw new Problem('payments/control-sum-mismatch', detail, { element: element.path, sum: plainDecimal(sum) });
}

interface Tally {
  readonly parent: XmlElement;
  readonly count: number;
  readonly sum: Decimal;
  readonly accepted: readonly Acceptance[];
}

/** NbOfTxs and CtrlSum of the group header, or of one PmtInf, against what is there. */
function checkTally({ parent, count, sum, accepted }: Tally): readonly Defect[] {
  const stated = optional(parent, 'NbOfTxs');
  const control = optional(parent, 'CtrlSum');
  requireSum(control, sum);
  if (stated === null || countOf(stated) === count) return [];
  const defect: Defect = {
    code: 'payments/count-mismatch',
    element: stated.path,
    detail: `${stated.path} says ${countOf(stated)} payments and there are ${count}.`,
  };
  if (accepted.includes('payments/count-mismatch') && control !== null) return [defect];
  throw new Problem(defect.code, defect.detail, { element: defect.element, stated: countOf(stated), count });
}

interface ReadGroup {
  readonly group: PaymentGroup;
  readonly read: readonly ReadPayment[];
  readonly notices: readonly Defect[];
}

function readGroup(info: XmlElement, index: number, firstPayment: number, accepted: readonly Acceptance[]): ReadGroup {
  const debtorAccount = readAccount(required(info, 'DbtrAcct'));
  if (!debtorAccount) throw new Problem('payments/missing-element', `${pathOf(info, 'DbtrAcct/Id')} is missing.`, { element: pathOf(info, 'DbtrAcct/Id') });
  const transactions = all(info, 'CdtTrfTxInf');
  if (transactions.length === 0) required(info, 'CdtTrfTxInf');
  const method = required(info, 'PmtMtd');
  if (!['TRF', 'TRA', 'CHK'].includes(method.text)) throw bad(method.path, `"${method.text.slice(0, 20)}" is none of TRF, TRA and CHK.`);
  const head = {
    index,
    paymentInfoId: textOf(required(info, 'PmtInfId'), 35),
    paymentMethod: method.text,
    requestedExecutionDate: executionDate(info),
    debtor: readParty(required(info, 'Dbtr')),
    debtorAccount,
  };
  const debtorDefect = ibanDefect(debtorAccount, info, 'DbtrAcct');
  const defaults = readDefaults(info, { ...head, count: 0, controlSum: '0' }, debtorDefect ? [debtorDefect] : []);
  const read = transactions.map((transaction, i) => readPayment(transaction, defaults, firstPayment + i));
  const sum = sumOf(read);
  const notices = checkTally({ parent: info, count: read.length, sum, accepted });
  return { group: { ...head, count: read.length, controlSum: plainDecimal(sum) }, read, notices };
}

/** The first of two equal payments goes on; the others are refused. */
function markDuplicates(payments: readonly ParsedPayment[]): readonly ParsedPayment[] {
  const first = new Map<string, number>();
  return payments.map((payment) => {
    const key = duplicateKey(payment);
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, payment.index);
      return payment;
    }
    const detail = `Payment ${payment.index + 1} of the file repeats payment ${earlier + 1} (end-to-end id ${payment.endToEndId}).`;
    return {
      ...payment,
      defects: [...payment.defects, { code: 'payments/duplicate-payment', element: `CdtTrfTxInf of payment ${payment.index + 1}`, detail }],
    };
  });
}

/**
 * Reads a pain.001 order file: version .03 or .09, any national variant of the namespace, UTF-8, UTF-16 or ISO-8859-1, any prefix. Pure.
 *
 * A defect of the file throws a Problem whose `facts.element` says where; a defect of one payment is listed in that payment's `defects` and leaves the others
 * untouched. `accepted` names the discrepancies to report in `notices` instead of refusing the file.
 */
export function parsePain001(bytes: Uint8Array, accepted: readonly Acceptance[] = []): ParsedOrderFile {
  const root = parseXml(decodeXml(bytes));
  const version = versionOf(root);
  refuseForeign(root, root.namespace);
  const message = required(root, 'CstmrCdtTrfInitn');
  const header = required(message, 'GrpHdr');
  const infos = all(message, 'PmtInf');
  if (infos.length === 0) required(message, 'PmtInf');
  const total = infos.reduce((sum, info) => sum + all(info, 'CdtTrfTxInf').length, 0);
  if (total > MAX_PAYMENTS)
    throw new Problem('payments/too-many-payments', `The file has ${total} payments; we take at most ${MAX_PAYMENTS}.`, { count: total });
  const messageId = textOf(required(header, 'MsgId'), 35);
  const createdAt = dateTimeOf(required(header, 'CreDtTm'));
  const declaredCount = countOf(required(header, 'NbOfTxs'));
  const groups: ReadGroup[] = [];
  let count = 0;
  for (const info of infos) {
    const group = readGroup(info, groups.length, count, accepted);
    groups.push(group);
    count += group.read.length;
  }
  const read = groups.flatMap((group) => group.read);
  const sum = sumOf(read);
  const notices = [...groups.flatMap((group) => group.notices), ...checkTally({ parent: header, count, sum, accepted })];
  return {
    version,
    namespace: root.namespace,
    messageId,
    createdAt,
    initiatingParty: optionalText(at(header, 'InitgPty'), 'Nm', 140),
    count,
    declaredCount,
    controlSum: plainDecimal(sum),
    fileHash: toHex(sha256(bytes)),
    groups: groups.map(({ group }) => group),
    payments: markDuplicates(read.map(({ payment }) => payment)),
    notices,
  };
}
