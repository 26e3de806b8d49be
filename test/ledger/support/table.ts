import { readFileSync } from 'node:fs';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, derivedId, MAX_AMOUNT, NIL_UUID, toHex, utf8, type AssetNo, type Hex, type Uuid } from '#base';
import {
  BALANCING_CREDIT,
  BALANCING_DEBIT,
  CLOSED,
  CREDITS_MUST_NOT_EXCEED_DEBITS,
  DEBITS_MUST_NOT_EXCEED_CREDITS,
  FINAL_POST,
  LINKED,
  PENDING,
  POST_PENDING,
  SETTLES,
  VOID_PENDING,
  type Command,
  type Fields,
} from '#ledger/core';

/**
 * Cases of the ledger as small tables of text.
 *
 *     case Words that say what holds
 *       transfer T1 A>B 100 pending      : ok          a command and its answer; a name stands for an id of its own
 *     | post     P1 of T1 30             : ok 30       the same request as the line before; "ok 30" also says what was booked
 *       balance  A 70/30 0/0                           debits pending/posted, credits pending/posted
 *       hold     T1 open 30 in 12                      what became of a hold, what was captured, and the window that took it
 *       records  2                                     records since the beginning of the case
 *       wait     10s                                    or in milliseconds: 9999ms
 *
 * Every case begins with assets 1 and 2 and six accounts: A and B (asset 1), L (asset 1, debits limited by credits), M (asset 1, credits limited by
 * debits), X and Y (asset 2). `0` and `max` stand for the nil id and the largest.
 */
export interface Case {
  readonly title: string;
  readonly steps: readonly Step[];
}

export type Step =
  | { readonly do: 'submit'; readonly lines: readonly Line[] }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'balance'; readonly where: string; readonly account: Uuid<'account'>; readonly balance: string }
  | { readonly do: 'hold'; readonly where: string; readonly transfer: Uuid<'transfer'>; readonly hold: string }
  | { readonly do: 'records'; readonly where: string; readonly count: number };

export interface Line {
  /** The line itself, for the message of a failure. */
  readonly where: string;
  readonly command: Command;
  /** "created", or a refusal code. */
  readonly code: string;
  /** The amount as booked, where the table says it. */
  readonly booked: bigint | null;
}

/** The id that a name of the tables stands for. */
export function idOf<Brand extends string>(name: string): Uuid<Brand> {
  if (name === '0') return NIL_UUID as Uuid<Brand>;
  if (name === 'max') return 'ffffffff-ffff-ffff-ffff-ffffffffffff' as Uuid<Brand>;
  if (name === 'bad') return 'A0000000-0000-0000-0000-000000000000' as Uuid<Brand>;
  return derivedId(keccak_256(utf8(name)));
}

function bytesOf(name: string, length: number): Hex {
  return toHex(keccak_256(utf8(name)).slice(0, length));
}

type Words = readonly string[];

/** `name=value` among the words. */
function option(words: Words, name: string): string | undefined {
  return words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

function count(words: Words, name: string): number | undefined {
  const value = option(words, name);
  return value === undefined ? undefined : Number(value);
}

function amountOf(word: string): bigint {
  if (word === 'all' || word === 'max') return MAX_AMOUNT;
  // 2^127 and the like.
  const power = /^2\^(\d+)$/.exec(word);
  return power ? 2n ** BigInt(power[1]!) : BigInt(word);
}

const FLAG_WORDS: Readonly<Record<string, number>> = {
  linked: LINKED,
  pending: PENDING,
  post: POST_PENDING,
  void: VOID_PENDING,
  'balancing-debit': BALANCING_DEBIT,
  'balancing-credit': BALANCING_CREDIT,
  settles: PENDING | SETTLES,
  settling: SETTLES,
  final: FINAL_POST,
};

function flagsOf(words: Words): number {
  return words.reduce((flags, word) => flags | (FLAG_WORDS[word] ?? 0), count(words, 'flags') ?? 0);
}

function fieldsOf(words: Words): { fields?: Fields; subject?: Uuid<'subject'> } {
  const metadata = option(words, 'metadata');
  return metadata === undefined ? {} : { fields: { metadata: JSON.stringify(metadata) }, subject: idOf('subject') };
}

function openAccount([name = '', ...words]: Words): Command {
  const limit = option(words, 'limit');
  const limits = limit === 'debits' ? DEBITS_MUST_NOT_EXCEED_CREDITS : limit === 'credits' ? CREDITS_MUST_NOT_EXCEED_DEBITS : 0;
  const both = limit === 'both' ? DEBITS_MUST_NOT_EXCEED_CREDITS | CREDITS_MUST_NOT_EXCEED_DEBITS : limits;
  const overdraft = option(words, 'overdraft');
  const owner = option(words, 'owner');
  return {
    kind: 'openAccount',
    id: idOf(name),
    asset: (count(words, 'asset') ?? 1) as AssetNo,
    code: count(words, 'code') ?? 20,
    flags: flagsOf(words) | both | (words.includes('closed') ? CLOSED : 0),
    ...(overdraft !== undefined && { overdraft: amountOf(overdraft) }),
    ...(owner !== undefined && { owner: idOf(owner) }),
    ...fieldsOf(words),
  };
}

/** What every case begins with. */
export const PREFACE: readonly Command[] = [
  ...[1, 2].map((asset): Command => ({ kind: 'openAsset', asset: asset as AssetNo, decimals: 6, caip19: null, peg: 'USD', symbol: `T${asset}` })),
  ...['A', 'B', 'L limit=debits', 'M limit=credits', 'X asset=2', 'Y asset=2'].map((line) => openAccount(line.split(' '))),
];

function transfer(words: Words, flags: number, asset: number | undefined, code: number | undefined): Command {
  const [name = '', ...rest] = words;
  const accounts = rest.find((word) => word.includes('>'))?.split('>');
  const hold = rest[rest.indexOf('of') + 1];
  const pending = option(rest, 'pending') ?? (rest.includes('of') ? hold : undefined);
  const amount = rest.find((word, i) => /^(\d+|all|max|2\^\d+|-\d+)$/.test(word) && rest[i - 1] !== 'of') ?? '0';
  const reference = option(rest, 'reference');
  const effectiveMs = count(rest, 'effective');
  const timeoutS = count(rest, 'timeout');
  return {
    kind: 'transfer',
    id: idOf(name),
    amount: amountOf(amount),
    flags: flags | flagsOf(rest),
    ...(accounts && { debit: idOf(accounts[0]!), credit: idOf(accounts[1]!) }),
    ...(pending !== undefined && { pendingId: idOf(pending) }),
    ...(asset !== undefined && { asset: asset as AssetNo }),
    ...(code !== undefined && { code }),
    ...(reference !== undefined && { reference: idOf(reference) }),
    ...(timeoutS !== undefined && { timeoutS }),
    ...(effectiveMs !== undefined && { effectiveMs }),
    ...fieldsOf(rest),
  };
}

function commandOf(verb: string, words: Words): Command {
  const [name = ''] = words;
  const linked = words.includes('linked') ? { linked: true } : {};
  const about = { ...linked, ...fieldsOf(words) };
  const merchant = idOf<'merchant'>(option(words, 'merchant') ?? 'merchant');
  const authorisation = bytesOf(option(words, 'signed') ?? name, 32);
  switch (verb) {
    case 'transfer':
      return transfer(words, 0, count(words, 'asset') ?? 1, count(words, 'code') ?? 1);
    case 'post':
      return transfer(words, POST_PENDING, count(words, 'asset'), count(words, 'code'));
    case 'void':
      return transfer(words, VOID_PENDING, count(words, 'asset'), count(words, 'code'));
    case 'account':
      return openAccount(words);
    case 'close':
      return { kind: 'closeAccount', id: idOf(name), ...about };
    case 'asset':
      return { kind: 'openAsset', asset: Number(name) as AssetNo, decimals: count(words, 'decimals') ?? 6, caip19: null, peg: 'USD', symbol: 'T', ...about };
    case 'expire':
      return { kind: 'expire', transfer: idOf(name), ...about };
    case 'window':
      return { kind: 'window', window: idOf(name), ...(option(words, 'from') !== undefined && { fromSeq: BigInt(option(words, 'from')!) }), ...about };
    case 'release': {
      const instruction = bytesOf(option(words, 'instruction') ?? 'instruction', 32);
      return { kind: 'release', transfer: idOf(name), instruction, index: count(words, 'index') ?? 0, reason: count(words, 'reason') ?? 1, ...about };
    }
    case 'instruction': {
      const list = { vault: bytesOf('vault', 20), token: bytesOf('token', 20), listHash: bytesOf('list', 32), total: 5n, notAfterS: 99, ...about };
      return { kind: 'instruction', ...list, window: idOf(name), index: count(words, 'index') ?? 0, count: count(words, 'count') ?? 1 };
    }
    case 'merchant':
      return { kind: 'merchant', merchant: idOf(name), key: bytesOf(option(words, 'key') ?? 'key', 20), authorisation, ...about };
    case 'payee':
      return { kind: 'payee', payee: idOf(name), merchant, authorisation, ...about };
    case 'order':
      return { kind: 'order', order: idOf(name), merchant, authorisation, count: count(words, 'count') ?? 1, ...about };
    case 'wallet':
      return { kind: 'wallet', merchant, wallet: bytesOf(name, 20), authorisation, ...about };
    case 'tariff':
      return { kind: 'tariff', tariff: idOf(name), schedule: option(words, 'schedule') ?? '{}', ...about };
    case 'erasure':
      return { kind: 'erasure', erased: idOf(name), ...about };
    case 'liability':
      return { kind: 'liability', root: bytesOf(name, 32), asset: 1 as AssetNo, total: amountOf(option(words, 'total') ?? '5'), ...about };
    default:
      assert(false, `no such command in a table: ${verb}`);
  }
}

function lineOf(where: string, text: string): Line {
  const [asked = '', answer = ''] = text.split(/\s:\s+/);
  const [verb = '', ...words] = asked.trim().split(/\s+/);
  const [code = '', booked] = answer.trim().split(/\s+/);
  assert(code !== '', `${where}: a command without an answer`);
  return { where, command: commandOf(verb, words), code: code === 'ok' ? 'created' : code, booked: booked === undefined ? null : amountOf(booked) };
}

function stepOf(where: string, text: string): Step {
  const [verb = '', name = '', ...rest] = text.trim().split(/\s+/);
  if (verb === 'wait') return { do: 'wait', ms: name.endsWith('ms') ? parseInt(name, 10) : parseInt(name, 10) * 1000 };
  if (verb === 'records') return { do: 'records', where, count: Number(name) };
  if (verb === 'balance') return { do: 'balance', where, account: idOf(name), balance: rest.join(' ') };
  if (verb === 'hold') return { do: 'hold', where, transfer: idOf(name), hold: rest.join(' ') };
  return { do: 'submit', lines: [lineOf(where, text)] };
}

/** The cases of a file, in order. Everything after `--` is a remark. */
export function readCases(file: URL): Case[] {
  const cases: { title: string; steps: Step[] }[] = [];
  for (const [i, whole] of readFileSync(file, 'utf8').split('\n').entries()) {
    const text = whole.split(' -- ')[0]!.trimEnd();
    if (text.trim() === '' || text.startsWith('--')) continue;
    const where = `line ${i + 1}: ${text.trim()}`;
    if (text.startsWith('case ')) {
      cases.push({ title: text.slice(5).trim(), steps: [] });
      continue;
    }
    const steps = cases[cases.length - 1]!.steps;
    const before = steps.at(-1);
    if (!text.startsWith('|')) steps.push(stepOf(where, text));
    else if (before?.do === 'submit') steps[steps.length - 1] = { do: 'submit', lines: [...before.lines, lineOf(where, text.slice(1))] };
    else assert(false, `${where}: joins a request that is not there`);
  }
  return cases;
}
