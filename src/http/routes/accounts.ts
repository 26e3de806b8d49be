import { z } from 'zod';
import { NIL_UUID, Problem, type AccountId } from '#base';
import type { Account } from '#ledger/core';
import { maySee, merchantConcerned, type Caller } from '../access/scopes.ts';
import { decodeCursor, NUMBER_POSITION, presentPage, UUID_POSITION } from '../frame/cursor.ts';
import { defineRoute, type Route } from '../frame/route.ts';
import { openAccountCommand } from '../ledger/commands.ts';
import { presentAccount, presentBalances, presentEntry } from '../ledger/present.ts';
import { digits, idSchema, PAGE_DEFAULT, pageOf, pageQuery, seqIn } from '../schemas/common.ts';
import { accountIn, accountOut, assetOut, balanceQuery, balancesOut, entryOut } from '../schemas/ledger.ts';
import { merchantQuery } from '../schemas/payments.ts';
import type { LedgerService } from '../services.ts';

const ACCOUNTS = { name: 'accounts', position: UUID_POSITION };

/** After the last record there can be; and what an account holds before it is opened. */
const END = '999999999999999999';
const NOTHING_YET = { seq: 0n, debitsPending: 0n, debitsPosted: 0n, creditsPending: 0n, creditsPosted: 0n };

const params = z.strictObject({ id: idSchema<AccountId>('the account') });

async function visibleAccount(caller: Caller, ledger: LedgerService, id: AccountId): Promise<Account> {
  const account = await ledger.account(id);
  if (!account || !maySee(caller, account.owner)) throw new Problem('http/not-found', 'There is no such account.');
  return account;
}

export const ACCOUNT_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/v1/assets/{asset}',
    operationId: 'getAsset',
    tag: 'ledger',
    summary: 'What an asset is and how many decimals it has',
    access: { scope: 'ledger:read', who: 'anyone' },
    once: false,
    params: z.strictObject({ asset: digits(1, 2 ** 32 - 1) }),
    replies: { 200: { description: 'The asset.', schema: assetOut } },
    problems: ['http/not-found'],
    async handle({ params: { asset } }, { ledger }) {
      const record = await ledger.byKey(`asset:${asset}`);
      if (record?.kind !== 'asset') throw new Problem('http/not-found', 'There is no such asset.');
      const { symbol, decimals, caip19, peg } = record;
      return { status: 200, json: { asset, symbol, decimals, caip19, peg } };
    },
  }),
  defineRoute({
    method: 'post',
    path: '/v1/accounts',
    operationId: 'openAccount',
    tag: 'ledger',
    summary: 'Open an account',
    access: { scope: 'ledger:write', who: 'anyone' },
    once: true,
    body: { type: 'application/json', limitBytes: 16_384, schema: accountIn },
    replies: { 201: { description: 'Opened.', schema: accountOut }, 200: { description: 'It was open already, the same.', schema: accountOut } },
    problems: ['http/not-allowed-here', 'http/account-refused'],
    async handle({ caller, body, idUnderKey }, { ledger }) {
      const command = openAccountCommand(caller, body, idUnderKey(0));
      const [result] = await ledger.submit([command]);
      if (result?.code !== 'created' && result?.code !== 'exists') {
        throw new Problem('http/account-refused', `The ledger answers ${String(result?.code)}.`, { code: result?.code, account: command.id });
      }
      const account = await visibleAccount(caller, ledger, command.id);
      return { status: result.code === 'created' ? 201 : 200, json: presentAccount(account) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/accounts',
    operationId: 'listAccounts',
    tag: 'ledger',
    summary: 'List the accounts of a merchant',
    access: { scope: 'ledger:read', who: 'anyone' },
    once: false,
    query: z.strictObject({ ...pageQuery, merchant: merchantQuery }),
    replies: { 200: { description: 'A page of accounts.', schema: pageOf(accountOut) } },
    problems: ['http/bad-cursor', 'http/not-allowed-here'],
    async handle({ caller, query }, { ledger }) {
      const owner = merchantConcerned(caller, query.merchant);
      const limit = query.limit ?? PAGE_DEFAULT;
      const after = (decodeCursor(ACCOUNTS, query.cursor) ?? NIL_UUID) as AccountId;
      const items = await ledger.accountsOf(owner, { after, limit });
      const next = items.length === limit ? (items.at(-1)?.id ?? null) : null;
      return { status: 200, json: presentPage(ACCOUNTS, { items, next }, presentAccount) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/accounts/{id}',
    operationId: 'getAccount',
    tag: 'ledger',
    summary: 'One account with its balances',
    access: { scope: 'ledger:read', who: 'anyone' },
    once: false,
    params,
    replies: { 200: { description: 'The account.', schema: accountOut } },
    problems: ['http/not-found'],
    async handle({ caller, params: { id } }, { ledger }) {
      return { status: 200, json: presentAccount(await visibleAccount(caller, ledger, id)) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/accounts/{id}/balance',
    operationId: 'getBalance',
    tag: 'ledger',
    summary: 'The balances of an account now, as of a record, or as of a time',
    access: { scope: 'ledger:read', who: 'anyone' },
    once: false,
    params,
    query: balanceQuery,
    replies: { 200: { description: 'The balances; zero before the account was opened.', schema: balancesOut } },
    problems: ['http/not-found'],
    async handle({ caller, params: { id }, query: { seq, atMs } }, { ledger }) {
      const account = await visibleAccount(caller, ledger, id);
      if (seq === undefined && atMs === undefined) return { status: 200, json: presentBalances(account) };
      const then = await ledger.balanceAt(id, seq !== undefined ? { seq } : { ms: atMs ?? 0 });
      return { status: 200, json: presentBalances({ id, ...(then ?? NOTHING_YET) }) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/accounts/{id}/entries',
    operationId: 'listEntries',
    tag: 'ledger',
    summary: 'What happened to an account, latest first',
    access: { scope: 'ledger:read', who: 'anyone' },
    once: false,
    params,
    query: z.strictObject(pageQuery),
    replies: { 200: { description: 'A page of transfers, expiries of holds, and the opening.', schema: pageOf(entryOut) } },
    problems: ['http/not-found', 'http/bad-cursor'],
    async handle({ caller, params: { id }, query }, { ledger }) {
      await visibleAccount(caller, ledger, id);
      const list = { name: `entries of ${id}`, position: NUMBER_POSITION };
      const limit = query.limit ?? PAGE_DEFAULT;
      const beforeSeq = BigInt(decodeCursor(list, query.cursor) ?? END);
      const items = await ledger.entries(id, { beforeSeq, limit });
      const next = items.length === limit ? `${items.at(-1)?.seq}` : null;
      return { status: 200, json: presentPage(list, { items, next }, (record) => presentEntry(caller, record)) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/accounts/{id}/entries/{seq}/proof',
    operationId: 'getEntryProof',
    tag: 'receipts',
    summary: 'The proof of one entry of an account: one file that proves it without us',
    description:
      'Save the body as it is and check it with `cairn verify FILE --rpc URL`. It shows the evidence whose subject is the owner of the account; that of others stays hidden, and so does every screening.',
    access: { scope: 'receipts:read', who: 'anyone' },
    once: false,
    params: z.strictObject({ id: idSchema<AccountId>('the account'), seq: seqIn }),
    replies: { 200: { description: 'The proof.', schema: z.record(z.string(), z.unknown()) } },
    problems: ['http/not-found', 'http/receipt-not-ready'],
    async handle({ caller, params: { id, seq } }, { ledger, receipts }) {
      const account = await visibleAccount(caller, ledger, id);
      const [entry] = await ledger.entries(id, { beforeSeq: seq + 1n, limit: 1 });
      if (entry?.seq !== seq) throw new Problem('http/not-found', 'This account has no such entry.');
      const proof = await receipts.entry(account, entry);
      if (!proof) throw new Problem('http/receipt-not-ready', 'The record of this entry is not in an anchor yet.', { retryAfterS: 5 });
      return { status: 200, json: proof };
    },
  }),
];
