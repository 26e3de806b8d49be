import { z } from 'zod';
import { Problem, type AccountId, type TransferId } from '#base';
import type { Result, TransferRecord } from '#ledger/core';
import { maySee, type Caller } from '../access/scopes.ts';
import { defineRoute, type CheckedRequest, type Route } from '../frame/route.ts';
import { checkAccounts, transferCommand } from '../ledger/commands.ts';
import { presentTransfer, visibleBalances } from '../ledger/present.ts';
import { idSchema } from '../schemas/common.ts';
import { transferIn, transferOut, transferResultOut, transfersIn, TRANSFERS_A_CALL, type TransferItem } from '../schemas/ledger.ts';
import type { LedgerService, Services } from '../services.ts';

type ResultOut = z.input<typeof transferResultOut>;

/** Checks, decides and books the items of one call, in order; a result for each. */
async function book(
  request: CheckedRequest<unknown, unknown, unknown, unknown>,
  items: readonly TransferItem[],
  { ledger, parties }: Services,
): Promise<ResultOut[]> {
  const { caller, idUnderKey } = request;
  const commands = items.map((item, index) => transferCommand(caller, item, item.id ?? idUnderKey<TransferId>(index), index));
  checkAccounts(caller, items, await parties(accountsNamed(items)));
  const results = await ledger.submit(commands);
  return results.map((result, index) => presentResult(caller, commands[index]!.id, result));
}

function accountsNamed(items: readonly TransferItem[]): AccountId[] {
  return items.flatMap(({ debit, credit }) => [debit, credit]).filter((id) => id !== undefined);
}

function hasId({ id }: TransferItem): boolean {
  return id !== undefined;
}

async function isPartyTo(caller: Caller, { debit, credit }: TransferRecord, ledger: LedgerService): Promise<boolean> {
  return (await ledger.accounts([debit, credit])).some((account) => maySee(caller, account.owner));
}

function presentResult(caller: Caller, id: TransferId, { code, record, balances }: Result): ResultOut {
  // Where another transfer has this id, or none was booked, there is no place in the book to speak of.
  const booked = code === 'created' || code === 'exists' ? record : null;
  const sides = { debit: visibleBalances(caller, balances?.debit), credit: visibleBalances(caller, balances?.credit) };
  return { id, code, seq: booked ? `${booked.seq}` : null, nowMs: booked?.nowMs ?? null, ...sides };
}

export const TRANSFER_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'post',
    path: '/v1/transfers',
    operationId: 'createTransfer',
    tag: 'ledger',
    summary: 'Book one transfer',
    description: 'A merchant moves money between his own accounts; payments leave through payment files.',
    access: { scope: 'ledger:write', who: 'anyone' },
    once: true,
    body: { type: 'application/json', limitBytes: 65_536, schema: transferIn },
    replies: { 201: { description: 'Booked.', schema: transferResultOut }, 200: { description: 'It was booked before, the same.', schema: transferResultOut } },
    problems: ['http/not-allowed-here', 'http/not-found', 'http/transfer-refused'],
    namesItsIds: hasId,
    async handle(request, services) {
      const [result] = await book(request, [request.body], services);
      if (result?.code === 'created') return { status: 201, json: result };
      if (result?.code === 'exists') return { status: 200, json: result };
      throw new Problem('http/transfer-refused', `The ledger answers ${String(result?.code)}.`, { ...result });
    },
  }),
  defineRoute({
    method: 'post',
    path: '/v1/transfers/batch',
    operationId: 'createTransfers',
    tag: 'ledger',
    summary: `Book up to ${TRANSFERS_A_CALL} transfers in one call`,
    description:
      'Items are decided in order, each by itself unless `linked`; the answer has a result for each, in the same order. A call that names what is not the caller’s is refused as a whole.',
    access: { scope: 'ledger:write', who: 'anyone' },
    once: true,
    body: { type: 'application/json', limitBytes: 16 * 1024 * 1024, schema: transfersIn },
    replies: { 200: { description: 'A result for each item.', schema: z.object({ results: z.array(transferResultOut) }) } },
    problems: ['http/not-allowed-here', 'http/not-found'],
    namesItsIds: ({ transfers }) => transfers.every(hasId),
    async handle(request, services) {
      return { status: 200, json: { results: await book(request, request.body.transfers, services) } };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/transfers/{id}',
    operationId: 'getTransfer',
    tag: 'ledger',
    summary: 'One transfer as it was booked',
    access: { scope: 'ledger:read', who: 'anyone' },
    once: false,
    params: z.strictObject({ id: idSchema<TransferId>('the transfer') }),
    replies: { 200: { description: 'The transfer.', schema: transferOut } },
    problems: ['http/not-found'],
    async handle({ caller, params: { id } }, { ledger }) {
      const transfer = await ledger.transfer(id);
      // An id that was refused for ever names no transfer; the refusal itself is in the journal.
      if (transfer?.kind !== 'transfer' || !(await isPartyTo(caller, transfer, ledger))) throw new Problem('http/not-found', 'There is no such transfer.');
      return { status: 200, json: presentTransfer(caller, transfer) };
    },
  }),
];
