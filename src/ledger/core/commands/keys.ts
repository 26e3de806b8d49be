import { FIELD_NAMES, type Command, type Evidence, type NamedBody, type TransferCommand } from '../types.ts';

/**
 * What makes a command of these kinds the same one as before: the id it carries; for a merchant's key the authorisation itself
 * (a later authorisation is a later key of the same merchant); for a wallet its address (it belongs to one merchant). The
 * journal holds each key once.
 */
export function keyOf(command: Exclude<Command, TransferCommand>): string {
  switch (command.kind) {
    case 'openAsset':
      return `asset:${command.asset}`;
    case 'openAccount':
      return `account:${command.id}`;
    case 'closeAccount':
      return `closed:${command.id}`;
    case 'expire':
      return `expiry:${command.transfer}`;
    case 'release':
      return `release:${command.transfer}`;
    case 'merchant':
      return `merchant:${command.authorisation}`;
    case 'payee':
      return `payee:${command.payee}`;
    case 'order':
      return `order:${command.order}`;
    case 'window':
      return `window:${command.window}`;
    case 'instruction':
      return `instruction:${command.window}:${command.index}`;
    case 'tariff':
      return `tariff:${command.tariff}`;
    case 'wallet':
      return `wallet:${command.wallet}`;
    case 'erasure':
      return `erasure:${command.erased}`;
    case 'liability':
      return `liability:${command.root}:${command.asset}`;
  }
}

/** The members of each kind that only has to be unique, in the order of docs/formats.md. */
export const NAMED_MEMBERS = {
  merchant: ['merchant', 'key', 'authorisation'],
  payee: ['payee', 'merchant', 'authorisation'],
  order: ['order', 'merchant', 'authorisation', 'count'],
  wallet: ['merchant', 'wallet', 'authorisation'],
  instruction: ['vault', 'token', 'window', 'index', 'listHash', 'count', 'total', 'notAfterS'],
  tariff: ['tariff', 'schedule'],
  erasure: ['erased'],
  liability: ['root', 'asset', 'total'],
} as const satisfies { [K in NamedBody['kind']]: readonly (keyof Extract<NamedBody, { kind: K }>)[] };

const NO_EVIDENCE: Evidence = {};

/** Only the members of evidence, absent where they are absent. */
export function evidenceOf(from: Evidence): Evidence {
  if (from.fields === undefined && from.subject === undefined) return NO_EVIDENCE;
  return { ...(from.fields !== undefined && { fields: from.fields }), ...(from.subject !== undefined && { subject: from.subject }) };
}

export function sameEvidence(a: Evidence, b: Evidence): boolean {
  if (a.subject !== b.subject) return false;
  if (a.fields === undefined && b.fields === undefined) return true;
  return FIELD_NAMES.every((name) => a.fields?.[name] === b.fields?.[name]);
}
