import type { FinalityTag } from './chain/endpoint.ts';
import type { Header } from './export/format.ts';
import type { Finding } from './findings.ts';
import type { AuditResult } from './run.ts';

/** So many findings are shown to a person; --json has all. */
const SHOWN = 50;

function placeOf({ seq, batch }: Finding): string {
  const record = seq === null ? '' : `record ${seq}`;
  const inBatch = batch === null ? (seq === null ? 'no single record' : 'not sealed yet') : `batch ${batch}`;
  return record === '' ? inBatch : `${record}, ${inBatch}`;
}

/** What a person reads: the table of what was checked where all agrees, each contradiction where not. */
export function renderAudit(header: Header, { findings, sinceBatch, checked }: AuditResult): string {
  if (findings.length === 0) return `${table(header, checked)}\nEverything agrees.\n`;
  const lines = findings.slice(0, SHOWN).map((finding) => `  ${placeOf(finding)}: ${finding.sentence} [${finding.kind}]`);
  const more = findings.length > SHOWN ? `  and ${findings.length - SHOWN} more; --json shows all\n` : '';
  const since = sinceBatch === null ? '' : `Since batch ${sinceBatch} this export is not to be relied on.\n`;
  return `${findings.length} contradiction${findings.length === 1 ? '' : 's'}:\n${lines.join('\n')}\n${more}${since}`;
}

function table(header: Header, checked: AuditResult['checked']): string {
  const rows: readonly (readonly [string, string])[] = [
    ['book', header.book],
    ['chain', `${header.chainId}, up to block ${checked.finalBlock}`],
    ['log, vault', `${header.anchor}, ${header.vault} (compare them with the ones you know)`],
    ['written', new Date(header.exportedMs).toISOString()],
    ['records', `${checked.records}, of them ${checked.sealed} sealed and ${checked.anchored} in an anchor; ${checked.accounts} accounts`],
    ['anchors', `${checked.anchors} on the chain`],
    ['signatures', `${checked.signatures} of merchants`],
    ['deposits', `${checked.deposits}, of them ${checked.claimed} claimed out of suspense by their wallets`],
    ['payments held', `${checked.payments}: ${checked.paid} paid, ${checked.returned} given back, ${checked.open} under way`],
    ['windows', `${checked.windows} with ${checked.instructions} instructions`],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(15)}${value}`).join('\n');
}

/** The same for a program, on one line: integers of the book as decimal strings. */
export function auditJson({ book, chainId, anchor, vault, exportedMs }: Header, finality: FinalityTag, { findings, sinceBatch, checked }: AuditResult): string {
  const facts = { ok: findings.length === 0, book, chainId, anchor, vault, exportedMs, finality, sinceBatch, checked, findings };
  return `${JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}\n`;
}
