import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NIL_UUID } from '#base';
import { BALANCING_CREDIT, BALANCING_DEBIT, LINKED, POST_PENDING, VOID_PENDING, type Command, type TransferCommand, type TransferRecord } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { coreBackend, postgresBackend, type Backend } from './support/backends.ts';
import { anyRequests, OPENING, type Ask } from './support/commands.ts';

const isTransfer = (command: Command): command is TransferCommand => command.kind === 'transfer';

/** Whether a new transfer asks for what was booked, by its own members: another definition than the core's. */
function sameNew(asked: TransferCommand, booked: TransferRecord): boolean {
  const balances = ((asked.flags ?? 0) & (BALANCING_DEBIT | BALANCING_CREDIT)) !== 0;
  return (
    (asked.flags ?? 0) === booked.flags &&
    asked.debit === booked.debit &&
    asked.credit === booked.credit &&
    asked.asset === booked.asset &&
    asked.code === booked.code &&
    (asked.timeoutS ?? 0) === booked.timeoutS &&
    (asked.pendingId ?? NIL_UUID) === booked.pendingId &&
    (balances ? asked.amount >= booked.amount : asked.amount === booked.amount)
  );
}

/** Plays the requests, then asks for every id that was booked or refused once more, under each of the bodies, after everything in memory was forgotten. */
async function askAgain(backend: Backend, asked: readonly Ask[], bodies: readonly TransferCommand[]): Promise<void> {
  await backend.submit(OPENING);
  for (const { commands, waitMs } of asked) {
    backend.wait(waitMs);
    await backend.submit(commands);
  }
  const records = await backend.records();
  const settled = records.filter((record) => record.kind === 'transfer' || record.kind === 'refusal');
  for (const body of bodies) {
    await backend.forget();
    backend.wait(1_000);
    const again = settled.map((record) => ({ ...body, id: record.kind === 'transfer' ? record.id : record.transfer, flags: (body.flags ?? 0) & ~LINKED }));
    const results = await backend.submit(again);
    for (const [i, { code, record }] of results.entries()) {
      const before = settled[i]!;
      assert.deepEqual(record, before, `the answer names what was written, not ${code}`);
      if (before.kind === 'refusal') assert.equal(code, 'id_already_failed');
      else if ((again[i]!.flags & (POST_PENDING | VOID_PENDING)) !== 0 || before.pendingId !== NIL_UUID) assert.match(code, /^exists/);
      else assert.equal(code === 'exists', sameNew(again[i]!, before), code);
    }
  }
  assert.deepEqual(await backend.records(), records, 'nothing was written');
}

/** The bodies that come with another id, under the ids of the others: near enough that some of them are the same. */
const asks = anyRequests(14, 12).chain((asked) => {
  const transfers = asked.flatMap(({ commands }) => commands.filter(isTransfer));
  const bodies = transfers.length === 0 ? fc.constant([]) : fc.array(fc.constantFrom(...transfers), { minLength: 1, maxLength: 4 });
  return fc.tuple(fc.constant(asked), bodies);
});

describe('the same id with another body is a conflict for ever, and a remembered refusal stays refused', function () {
  this.timeout(120_000);
  let db: TestDatabase;
  before(async () => (db = await testDatabase()));
  after(() => db.close());

  it('on the pure core', () =>
    fc.assert(
      fc.asyncProperty(asks, async ([asked, bodies]) => askAgain(await coreBackend(), asked, bodies)),
      { numRuns: 300 },
    ));

  it('on PostgreSQL, after a restart with nothing in memory', () =>
    fc.assert(
      fc.asyncProperty(asks, async ([asked, bodies]) => {
        const backend = await postgresBackend(db);
        try {
          await askAgain(backend, asked, bodies);
        } finally {
          await backend.close();
        }
      }),
      { numRuns: 25 },
    ));
});
