import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NIL_UUID, type AssetNo } from '#base';
import {
  BALANCING_CREDIT,
  BALANCING_DEBIT,
  LINKED,
  POST_PENDING,
  VOID_PENDING,
  type Command,
  type TransferCommand,
  type RefusalRecord,
  type TransferRecord,
} from '#ledger/core';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { coreBackend, postgresBackend, type Backend } from './support/backends.ts';
import { anyRequests, OPENING, type Ask } from './support/commands.ts';
import { idOf } from './support/table.ts';

const MOVE: TransferCommand = { kind: 'transfer', id: idOf('T'), debit: idOf('A'), credit: idOf('B'), asset: 1 as AssetNo, code: 2, amount: 3n };

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

/** Another body: that of another transfer, or what was booked with one member taken from that of another. */
interface Other {
  readonly body: TransferCommand;
  readonly member: 'all' | 'debit' | 'credit' | 'amount' | 'asset' | 'code' | 'flags' | 'timeoutS';
}

function under(before: TransferRecord | RefusalRecord, { body, member }: Other): TransferCommand & { readonly flags: number } {
  const own = before.kind === 'transfer' ? { ...before, [member]: body[member === 'all' ? 'amount' : member] } : body;
  const { id: _, ...rest } = member === 'all' ? body : own;
  return { ...rest, kind: 'transfer', id: before.kind === 'transfer' ? before.id : before.transfer, flags: (rest.flags ?? 0) & ~LINKED };
}

/** Plays the requests, then asks for every id that was booked or refused once more, under each of the bodies, after everything in memory was forgotten. */
async function askAgain(backend: Backend, asked: readonly Ask[], bodies: readonly Other[]): Promise<void> {
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
    const again = settled.map((record) => under(record, body));
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

const asks = anyRequests(14, 12).chain((asked) => {
  const transfers = asked.flatMap(({ commands }) => commands.filter(isTransfer));
  const other = fc.record<Other>({
    body: fc.constantFrom(...(transfers.length === 0 ? [MOVE] : transfers)),
    member: fc.constantFrom('all', 'debit', 'credit', 'amount', 'asset', 'code', 'flags', 'timeoutS'),
  });
  const bodies = fc.array(other, { minLength: 1, maxLength: 6 });
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
      { numRuns: 12 },
    ));
});
