import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { systemClock } from '#base';
import { startLocalChain } from '#chain';
import { startPostgres } from '#db';
import { readChain, readExport } from '#audit';
import { writeExport } from '#export';
import { RECORDED, type RecordedChain } from './recorded.ts';

/**
 * `node test/audit/record.ts STATE_DIR`: makes the recorded run of the quick tests anew, out of the state folder of a finished `cairn start --once --state STATE_DIR`.
 * Needed when a format that an export shows has changed.
 */
const [stateDir = ''] = process.argv.slice(2);
const postgres = await startPostgres({ stateDir: join(stateDir, 'postgres') });
const chain = await startLocalChain({ stateDir: join(stateDir, 'chain'), clock: systemClock });
try {
  const file = join(stateDir, 'recorded.ndjson');
  await writeExport({ databaseUrl: postgres.url, file, clock: systemClock });
  const exported = await readExport(file);
  const { holdings, ...facts } = await readChain(chain.rpcUrl, { header: exported.header, anchors: [] });
  const recorded: RecordedChain = { ...facts, holdings: [...holdings] };
  writeFileSync(RECORDED.export, gzipSync(readFileSync(file), { level: 9 }));
  writeFileSync(RECORDED.chain, `${JSON.stringify(recorded, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value), 1)}\n`);
  const paid = exported.payments.find(({ state }) => state === 'settled');
  if (paid) copyFileSync(join(stateDir, 'receipts', `${paid.payment}.json`), RECORDED.receipt);
} finally {
  await chain.stop();
  await postgres.stop();
}
