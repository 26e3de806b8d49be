import { isHex, isUuid, MAX_AMOUNT } from '#base';
import { FIELD_NAMES, type Command, type Evidence } from '../types.ts';

const U8 = 2 ** 8 - 1;
const U16 = 2 ** 16 - 1;
const U32 = 2 ** 32 - 1;

function isUint(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}

function isSeq(value: bigint): boolean {
  return value >= 0n && value < 2n ** 63n;
}

function isAmount(value: bigint): boolean {
  return value >= 0n && value <= MAX_AMOUNT;
}

/** Text that a leaf and every store can hold: no lone surrogates, no NUL, at most `maxBytes` of UTF-8. */
function isText(text: string, maxBytes: number): boolean {
  return text.isWellFormed() && !text.includes('\0') && Buffer.byteLength(text) <= maxBytes;
}

function evidenceFits(evidence: Evidence): boolean {
  if (evidence.subject !== undefined && !isUuid(evidence.subject)) return false;
  if (evidence.fields === undefined) return true;
  // Without a subject there is no key to salt them with.
  if (evidence.subject === undefined) return false;
  const names: readonly string[] = FIELD_NAMES;
  return Object.entries(evidence.fields).every(([name, value]) => names.includes(name) && isText(value, 2 ** 20));
}

function bodyFits(command: Command): boolean {
  switch (command.kind) {
    case 'transfer':
      return (
        isUuid(command.id) &&
        isAmount(command.amount) &&
        (command.debit === undefined || isUuid(command.debit)) &&
        (command.credit === undefined || isUuid(command.credit)) &&
        (command.pendingId === undefined || isUuid(command.pendingId)) &&
        (command.reference === undefined || isUuid(command.reference)) &&
        isUint(command.asset ?? 0, U32) &&
        isUint(command.code ?? 0, U16) &&
        isUint(command.flags ?? 0, U16) &&
        isUint(command.timeoutS ?? 0, U32) &&
        isUint(command.effectiveMs ?? 0, Number.MAX_SAFE_INTEGER)
      );
    case 'openAsset':
      return (
        isUint(command.asset, U32) &&
        isUint(command.decimals, U8) &&
        isText(command.symbol, 64) &&
        isText(command.peg, 16) &&
        (command.caip19 === null || isText(command.caip19, 256))
      );
    case 'openAccount':
      return (
        isUuid(command.id) &&
        isUint(command.asset, U32) &&
        isUint(command.code, U16) &&
        isUint(command.flags ?? 0, U16) &&
        isAmount(command.overdraft ?? 0n) &&
        (command.owner === undefined || isUuid(command.owner))
      );
    case 'closeAccount':
      return isUuid(command.id);
    case 'expire':
      return isUuid(command.transfer);
    case 'window':
      return isUuid(command.window) && isSeq(command.fromSeq ?? 1n);
    case 'release':
      return isUuid(command.transfer) && isHex(command.instruction, 32) && isUint(command.index, U8) && (command.reason === 1 || command.reason === 2);
    case 'merchant':
      return isUuid(command.merchant) && isHex(command.key, 20) && isHex(command.authorisation, 32);
    case 'payee':
      return isUuid(command.payee) && isUuid(command.merchant) && isHex(command.authorisation, 32);
    case 'order':
      return isUuid(command.order) && isUuid(command.merchant) && isHex(command.authorisation, 32) && isUint(command.count, U32);
    case 'wallet':
      return isUuid(command.merchant) && isHex(command.wallet, 20) && isHex(command.authorisation, 32);
    case 'instruction':
      return (
        isHex(command.vault, 20) &&
        isHex(command.token, 20) &&
        isUuid(command.window) &&
        isUint(command.index, U16) &&
        isHex(command.listHash, 32) &&
        isUint(command.count, U8) &&
        isAmount(command.total) &&
        isUint(command.notAfterS, Number.MAX_SAFE_INTEGER)
      );
    case 'tariff':
      return isUuid(command.tariff) && isText(command.schedule, 2 ** 20);
    case 'erasure':
      return isUuid(command.erased);
    case 'liability':
      return isHex(command.root, 32) && isUint(command.asset, U32) && isAmount(command.total);
  }
}

/** Whether every member fits its place in a leaf: width, spelling, length. */
export function isWellFormed(command: Command): boolean {
  return bodyFits(command) && evidenceFits(command);
}
