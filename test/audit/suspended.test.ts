import { strict as assert } from 'node:assert';
import { merchantDomain } from '#identity/core';
import { chartAccount, emptyState } from '#ledger/core';
import type { DepositFact } from '../../src/audit/chain/facts.ts';
import { emptyAuthority, stepAuthority } from '../../src/audit/checks/authority.ts';
import { depositBook, stepDeposit } from '../../src/audit/checks/deposits.ts';
import { stepJournal } from '../../src/audit/checks/journal.ts';
import { stepOther } from '../../src/audit/checks/money.ts';
import { Findings, type Finding } from '../../src/audit/findings.ts';
import { depositAt } from '../../mpc/node/book/core/deposits.ts';
import { Forge } from '../mpc/node/book/support/forge.ts';
import { USD } from '../mpc/node/book/support/samples.ts';
import { ATTACKS, evidences, registers, release, released, suspended, WALLET } from '../mpc/node/book/support/suspense.ts';

/** What an audit says of the deposits and the other transfers of a forged book, record by record, and how many left suspense as they may. */
function audited({ chain, book, items }: Forge): { readonly findings: readonly Finding[]; readonly claimed: number; readonly left: ReadonlySet<bigint> } {
  const deposits = [...chain.receipts].map(([transaction, { block, logs }]): DepositFact => ({
    transaction,
    logIndex: 3,
    block,
    ...depositAt(chain.vault, logs, 3)!,
  }));
  const header = { book, chainId: chain.chainId, vault: chain.vault } as Parameters<typeof depositBook>[0];
  const known = depositBook(header, { deposits });
  const [findings, state] = [new Findings({ batches: [] }), emptyState()];
  const authority = emptyAuthority(merchantDomain(chain.chainId, chain.vault), { orders: [] });
  for (const { record: shown } of items) {
    // A feed shows no subject, an export does.
    const record = shown.fields ? { ...shown, subject: book } : shown;
    stepJournal(state, record, findings);
    stepAuthority(authority, state, record, findings);
    if (record.kind === 'transfer' && !stepDeposit(known, authority, state, record, findings)) stepOther(state, record, findings);
  }
  const suspense = chartAccount(book, 'suspense', USD);
  const left = new Set(items.flatMap(({ record }) => (record.kind === 'transfer' && record.debit === suspense ? [record.seq] : [])));
  return { findings: findings.all, claimed: known.claimed, left };
}

async function inBook(story: (forge: Forge) => Promise<void>): Promise<ReturnType<typeof audited>> {
  const forge = await new Forge().open();
  try {
    await story(forge);
    return audited(forge);
  } finally {
    await forge.close();
  }
}

describe('what an audit makes of money that leaves suspense', function () {
  this.timeout(60_000);

  it('agrees where a plain transfer that waited there goes to its merchant, once its wallet has signed that it is his', async () => {
    const { findings, claimed } = await inBook(released);
    assert.deepEqual({ findings, claimed }, { findings: [], claimed: 1 });
  });

  for (const [what, attack] of ATTACKS)
    it(`contradicts where any leaves it ${what}`, async () => {
      const { findings, left } = await inBook(attack);
      assert.ok(findings.every(({ kind }) => kind === 'deposit' || kind === 'unauthorised' || kind === 'wallet'));
      assert.ok(
        findings.some(({ seq }) => seq !== null && left.has(seq)),
        'the very record is named that takes it out',
      );
    });

  it('contradicts where any member of its evidence is left out or another one', async () => {
    let count = 1;
    for (let nth = 0; nth < count; nth++) {
      const { findings, claimed } = await inBook(async (forge) => {
        const waiting = suspended(forge, 1_000_000_000n);
        await registers(forge, forge.merchant, WALLET);
        const command = release(forge, waiting);
        const changed = evidences(command);
        count = changed.length;
        forge.submit([{ ...command, fields: { deposit: changed[nth]! } }]);
      });
      assert.deepEqual(
        findings.map(({ kind }) => kind),
        ['deposit'],
      );
      assert.equal(claimed, 0);
    }
    assert.ok(count > 15);
  });
});
