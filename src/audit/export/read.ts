import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Problem, unreadable } from '#base';
import { recordFromJson } from '#anchor/core';
import { FIELD_NAMES } from '#ledger/core';
import {
  LINES,
  type ExportedAnchor,
  type ExportedBatch,
  type ExportedRecord,
  type Header,
  type LineType,
  type MerchantEntry,
  type OrderEntry,
  type PayeeEntry,
  type PaymentEntry,
  type RecordLine,
  type StoredAccount,
  type StoredHold,
  type WalletEntry,
} from './format.ts';
import { badExport } from './readers.ts';

/** A whole export in memory, sorted by what its lines are. */
export interface Exported {
  readonly header: Header;
  readonly records: readonly ExportedRecord[];
  /** Records that are none: not what the formats allow. */
  readonly unreadable: readonly { readonly seq: bigint | null; readonly why: string }[];
  readonly batches: readonly ExportedBatch[];
  readonly anchors: readonly ExportedAnchor[];
  readonly accounts: readonly StoredAccount[];
  readonly holds: readonly StoredHold[];
  readonly merchants: readonly MerchantEntry[];
  readonly wallets: readonly WalletEntry[];
  readonly payees: readonly PayeeEntry[];
  readonly orders: readonly OrderEntry[];
  readonly payments: readonly PaymentEntry[];
}

type Mutable<T> = { -readonly [Member in keyof T]: T[Member] extends readonly (infer Item)[] ? Item[] : T[Member] };

const FORMAT = 'cairn-export/1';

/** Reads an export line by line. Throws `cli/bad-file`, or `audit/bad-export` with the line where it is none, or where it was cut off. */
export async function readExport(file: string): Promise<Exported> {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
  try {
    return await collect(lines);
  } catch (error) {
    throw error instanceof Problem ? error : unreadable(file, error);
  } finally {
    lines.close();
  }
}

/** The same of lines that are already in memory. */
export async function collect(lines: AsyncIterable<string> | Iterable<string>): Promise<Exported> {
  let exported: Mutable<Exported> | undefined;
  let [count, ended] = [0, false];
  for await (const line of lines) {
    const where = `line ${++count}`;
    if (ended) throw badExport(where, 'there where the end was announced');
    const { type, rest } = parseLine(line, where);
    if (!exported) {
      exported = begin(type, rest, where);
    } else if (type === 'end') {
      const { lines: announced } = LINES.end(rest, where);
      if (announced !== count - 1) throw new Problem('audit/bad-export', `The export announces ${announced} lines and has ${count - 1}.`);
      ended = true;
    } else {
      take(exported, type, rest, where);
    }
  }
  if (!exported || !ended) throw new Problem('audit/bad-export', `The export is cut off after line ${count}: its last line is missing.`);
  return exported;
}

function parseLine(line: string, where: string): { readonly type: LineType; readonly rest: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new Problem('audit/bad-export', `${where} is no JSON.`, { where }, cause);
  }
  if (typeof value !== 'object' || value === null) throw badExport(where, 'an object');
  const { type, ...rest } = value as { readonly type?: unknown };
  if (typeof type !== 'string' || !Object.hasOwn(LINES, type)) throw badExport(where, 'a line of a known type');
  return { type: type as LineType, rest };
}

function begin(type: LineType, rest: unknown, where: string): Mutable<Exported> {
  if (type !== 'header') throw badExport(where, 'the header of an export');
  const { format, ...header } = LINES.header(rest, where);
  if (format !== FORMAT) throw badExport(`${where}, format`, `"${FORMAT}"`);
  return {
    header,
    records: [],
    unreadable: [],
    batches: [],
    anchors: [],
    accounts: [],
    holds: [],
    merchants: [],
    wallets: [],
    payees: [],
    orders: [],
    payments: [],
  };
}

function take(exported: Mutable<Exported>, type: LineType, rest: unknown, where: string): void {
  switch (type) {
    case 'record':
      return takeRecord(exported, LINES.record(rest, where));
    case 'batch':
      return void exported.batches.push(LINES.batch(rest, where));
    case 'anchor':
      return void exported.anchors.push(LINES.anchor(rest, where));
    case 'account':
      return void exported.accounts.push(LINES.account(rest, where));
    case 'hold':
      return void exported.holds.push(LINES.hold(rest, where));
    case 'merchant':
      return void exported.merchants.push(LINES.merchant(rest, where));
    case 'wallet':
      return void exported.wallets.push(LINES.wallet(rest, where));
    case 'payee':
      return void exported.payees.push(LINES.payee(rest, where));
    case 'order':
      return void exported.orders.push(LINES.order(rest, where));
    case 'payment':
      return void exported.payments.push(LINES.payment(rest, where));
    case 'header':
    case 'end':
      throw badExport(where, 'there where a second header could be');
  }
}

/** What is stored may be anything: a record that the formats do not allow is a finding, not a reason to stop reading. */
function takeRecord(exported: Mutable<Exported>, { record, subject, fields, salt }: RecordLine): void {
  const stranger = Object.keys(fields ?? {}).find((name) => !(FIELD_NAMES as readonly string[]).includes(name));
  if (stranger !== undefined) {
    exported.unreadable.push({ seq: seqOf(record), why: `it has a field "${stranger.slice(0, 40)}", for which there is no slot` });
    return;
  }
  try {
    const bare = recordFromJson(record as never);
    const evidence = { ...(subject !== null && { subject }), ...(fields !== null && { fields }) };
    exported.records.push({ record: { ...bare, ...evidence }, salt });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    exported.unreadable.push({ seq: seqOf(record), why: error.detail });
  }
}

function seqOf(record: unknown): bigint | null {
  const seq = (record as { readonly seq?: unknown } | null)?.seq;
  return typeof seq === 'string' && /^\d{1,19}$/.test(seq) ? BigInt(seq) : null;
}
