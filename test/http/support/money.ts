import assert from 'node:assert/strict';
import type { MerchantId } from '#base';
import type { TestApi } from './api.ts';

/** Opens an account over HTTP and gives its id. */
export async function openAccount(api: TestApi, token: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const answer = await api.call('POST', '/v1/accounts', { token, json: { asset: 1, ...more } });
  assert.equal(answer.status, 201, answer.text);
  return answer.body.id;
}

/** An account of the merchant with money in it, from a vault account that the operator opens. */
export async function fundedAccount(api: TestApi, operator: string, merchant: MerchantId, amount: string): Promise<string> {
  const vault = await openAccount(api, operator, { code: 10 });
  const account = await openAccount(api, operator, { owner: merchant, flags: ['debitsMustNotExceedCredits'] });
  const answer = await api.call('POST', '/v1/transfers', { token: operator, json: { debit: vault, credit: account, asset: 1, amount, code: 1 } });
  assert.equal(answer.status, 201, answer.text);
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
