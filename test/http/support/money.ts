import assert from 'node:assert/strict';
import { newId, type AccountId, type AssetNo, type MerchantId, type TransferId } from '#base';
import type { TransferCommand } from '#ledger/core';
import { randomBytes } from 'node:crypto';
import type { TestApi } from './api.ts';

/** Opens an account over HTTP and gives its id. */
export async function openAccount(api: TestApi, token: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const answer = await api.call('POST', '/v1/accounts', { token, json: { asset: 1, ...more } });
  assert.equal(answer.status, 201, answer.text);
  return answer.body.id;
}

/** Books in the ledger itself what the platform books for a deposit or an order, and gives its id: nobody may over HTTP. */
export async function bookDirectly(api: TestApi, debit: string, credit: string, more: Pick<TransferCommand, 'amount' | 'code' | 'flags'>): Promise<TransferId> {
  const id = newId<TransferId>(api.clock.nowMs(), (length) => new Uint8Array(randomBytes(length)));
  const sides = { debit: debit as AccountId, credit: credit as AccountId, asset: 1 as AssetNo };
  const [result] = await api.ledger.submit([{ kind: 'transfer', id, ...sides, ...more }]);
  assert.equal(result?.code, 'created');
  return id;
}

/** An account of the merchant with a deposit in it. */
export async function fundedAccount(api: TestApi, operator: string, merchant: MerchantId, amount: string): Promise<string> {
  const vault = await openAccount(api, operator, { code: 10 });
  const account = await openAccount(api, operator, { owner: merchant, flags: ['debitsMustNotExceedCredits'] });
  await bookDirectly(api, vault, account, { amount: BigInt(amount), code: 1 });
  return account;
}

/** Credits less debits, posted, as the API says it. */
export async function balanceOf(api: TestApi, token: string, account: string): Promise<bigint> {
  const { body } = await api.call('GET', `/v1/accounts/${account}/balance`, { token });
  return BigInt(body.creditsPosted) - BigInt(body.debitsPosted);
}

/** The number of the newest record. */
export async function headSeq(api: TestApi): Promise<bigint> {
  return (await api.ledger.head()).seq;
}
