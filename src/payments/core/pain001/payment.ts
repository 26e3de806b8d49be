import { minorUnits } from '../currencies.ts';
import { bicDefect, ibanDefect, readAccount, readBic, readOptionalParty, readParty } from './accounts.ts';
import { plainDecimal, type Decimal } from './decimals.ts';
import { all, at, bad, codeOf, decimalOf, optional, optionalText, pathOf, required, textOf } from './fields.ts';
import type { Defect, ParsedPayment, Party, PaymentGroup } from './types.ts';
import type { XmlElement } from './xml.ts';

/** One CdtTrfTxInf. What makes the file's count or sum unknowable throws; what concerns this payment alone becomes a defect of it. */

interface Amount {
  readonly element: XmlElement;
  readonly currency: string;
  readonly decimal: Decimal;
  readonly transferCurrency: string;
}

function currencyOf(element: XmlElement, text: string | undefined): string {
  if (text === undefined || !/^[A-Z]{3}$/.test(text)) throw bad(element.path, `"${(text ?? '').slice(0, 20)}" is not a currency code of three capitals.`);
  return text;
}

/** InstdAmt, or EqvtAmt: an amount in one currency to be transferred in another. */
function readAmount(transaction: XmlElement): Amount {
  const parent = required(transaction, 'Amt');
  const equivalent = optional(parent, 'EqvtAmt');
  const instructed = optional(parent, 'InstdAmt');
  if (equivalent && instructed) throw bad(parent.path, 'has both InstdAmt and EqvtAmt.');
  const element = equivalent ? required(equivalent, 'Amt') : required(parent, 'InstdAmt');
  const currency = currencyOf(element, element.attributes.get('Ccy'));
  const transferElement = equivalent && required(equivalent, 'CcyOfTrf');
  const transferCurrency = transferElement ? currencyOf(transferElement, transferElement.text) : currency;
  return { element, currency, decimal: decimalOf(element, 18, 5), transferCurrency };
}

function amountMinor({ decimal, currency }: Amount): bigint {
  const decimals = minorUnits(currency);
  return decimals == null || decimal.scale > decimals ? 0n : decimal.units * 10n ** BigInt(decimals - decimal.scale);
}

function amountDefect({ element, decimal, currency, transferCurrency }: Amount): Defect | null {
  const unknown = [currency, transferCurrency].find((code) => minorUnits(code) == null);
  if (unknown) return { code: 'payments/unknown-currency', element: element.path, detail: `${unknown} is not a payable ISO 4217 currency.` };
  if (decimal.units === 0n) return { code: 'payments/zero-amount', element: element.path, detail: 'The amount is zero.' };
  if (decimal.scale <= minorUnits(currency)!) return null;
  const detail = `${plainDecimal(decimal)} has more than the ${minorUnits(currency)} decimals of ${currency}.`;
  return { code: 'payments/too-many-decimals', element: element.path, detail };
}

function methodDefect(transaction: XmlElement, group: PaymentGroup): Defect | null {
  const cheque = optional(transaction, 'ChqInstr');
  if (cheque) return { code: 'payments/method-not-supported', element: cheque.path, detail: 'The payment asks for a cheque.' };
  if (group.paymentMethod === 'TRF' || group.paymentMethod === 'TRA') return null;
  return { code: 'payments/method-not-supported', element: 'PmtMtd', detail: `Payment method ${group.paymentMethod} is not a transfer.` };
}

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function uetrDefect(uetr: string | null, id: XmlElement): Defect | null {
  if (uetr === null || UUID_V4.test(uetr)) return null;
  return { code: 'payments/bad-uetr', element: pathOf(id, 'UETR'), detail: `${uetr} is not a lower-case UUIDv4.` };
}

function remittanceOf(transaction: XmlElement): readonly string[] {
  const information = optional(transaction, 'RmtInf');
  const free = all(information, 'Ustrd').map((line) => textOf(line, 140));
  const references = all(information, 'Strd').map((structured) => optionalText(at(structured, 'CdtrRefInf'), 'Ref', 35));
  return [...free, ...references.filter((reference) => reference !== null)];
}

/** What the group says for all of its payments and the payment does not repeat. */
export interface GroupDefaults {
  readonly group: PaymentGroup;
  readonly ultimateDebtor: Party | null;
  readonly chargeBearer: string | null;
  readonly purpose: string | null;
  readonly defects: readonly Defect[];
}

export interface ReadPayment {
  readonly payment: ParsedPayment;
  readonly decimal: Decimal;
}

/** Read once a group: a group of thousands of payments is searched once for what it says of all of them. */
export function readDefaults(info: XmlElement, group: PaymentGroup, defects: readonly Defect[]): GroupDefaults {
  return {
    group,
    ultimateDebtor: readOptionalParty(optional(info, 'UltmtDbtr')),
    chargeBearer: optionalText(info, 'ChrgBr', 4),
    purpose: codeOf(at(info, 'PmtTpInf', 'CtgyPurp')),
    defects,
  };
}

export function readPayment(transaction: XmlElement, defaults: GroupDefaults, index: number): ReadPayment {
  const { group } = defaults;
  const id = required(transaction, 'PmtId');
  const endToEndId = textOf(required(id, 'EndToEndId'), 35);
  const uetr = optionalText(id, 'UETR', 36);
  const amount = readAmount(transaction);
  const creditor = readParty(optional(transaction, 'Cdtr'));
  const creditorAccount = readAccount(optional(transaction, 'CdtrAcct'));
  const creditorAgent = readBic(optional(transaction, 'CdtrAgt'));
  const found: readonly (Defect | null)[] = [
    methodDefect(transaction, group),
    amountDefect(amount),
    uetrDefect(uetr, id),
    creditor.name === '' ? { code: 'payments/missing-creditor', element: pathOf(transaction, 'Cdtr/Nm'), detail: 'The creditor has no name.' } : null,
    creditorAccount
      ? ibanDefect(creditorAccount, transaction, 'CdtrAcct')
      : { code: 'payments/missing-creditor-account', element: pathOf(transaction, 'CdtrAcct/Id'), detail: 'The creditor has no account.' },
    bicDefect(creditorAgent, transaction, 'CdtrAgt'),
  ];
  const payment: ParsedPayment = {
    index,
    group: group.index,
    paymentInfoId: group.paymentInfoId,
    instructionId: optionalText(id, 'InstrId', 35),
    endToEndId,
    uetr,
    requestedExecutionDate: group.requestedExecutionDate,
    debtor: group.debtor,
    debtorAccount: group.debtorAccount,
    ultimateDebtor: readOptionalParty(optional(transaction, 'UltmtDbtr')) ?? defaults.ultimateDebtor,
    creditor,
    creditorAccount: creditorAccount ?? { scheme: 'other', id: '' },
    creditorAgent,
    ultimateCreditor: readOptionalParty(optional(transaction, 'UltmtCdtr')),
    currency: amount.currency,
    instructedAmount: plainDecimal(amount.decimal),
    amountMinor: amountMinor(amount),
    transferCurrency: amount.transferCurrency,
    remittance: remittanceOf(transaction),
    chargeBearer: optionalText(transaction, 'ChrgBr', 4) ?? defaults.chargeBearer,
    purpose: codeOf(optional(transaction, 'Purp')) ?? codeOf(at(transaction, 'PmtTpInf', 'CtgyPurp')) ?? defaults.purpose,
    defects: [...defaults.defects, ...found.filter((defect) => defect !== null)],
  };
  return { payment, decimal: amount.decimal };
}

/**
 * Names what is paid, to whom, and why: two payments with the same key are one payment instructed twice, in one file or in two. "NOTPROVIDED" (the standard's word
 * for an absent end-to-end id) distinguishes nothing, so the remittance text decides then.
 */
export function duplicateKey(payment: ParsedPayment): string {
  const { debtorAccount, creditorAccount, currency, instructedAmount, endToEndId, remittance } = payment;
  const reason = endToEndId === 'NOTPROVIDED' ? ['remittance', ...remittance] : ['endToEndId', endToEndId];
  return JSON.stringify([debtorAccount.id, creditorAccount.id, currency, instructedAmount, ...reason]);
}
