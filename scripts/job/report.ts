import type { JobFacts, PaymentFact } from './facts.ts';

/** How wide a cell may be, and on which side it stands. */
interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly right?: true;
  readonly most?: number;
}

/** Colour only where a terminal shows it. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

const code = (on: number, off: number) => (text: string) => `\u001b[${on}m${text}\u001b[${off}m`;
export const COLOURS: Paint = { bold: code(1, 22), dim: code(2, 22), red: code(31, 39), green: code(32, 39), yellow: code(33, 39) };
const plain = (text: string) => text;
export const NO_COLOURS: Paint = { bold: plain, dim: plain, red: plain, green: plain, yellow: plain };

/** Wide characters of CJK scripts take two cells of a terminal, combining marks none. */
function width(text: string): number {
  let cells = 0;
  for (const char of text.normalize('NFC'))
    cells += /\p{Mn}/u.test(char) ? 0 : /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u.test(char) ? 2 : 1;
  return cells;
}

function fit(text: string, most: number): string {
  if (width(text) <= most) return text;
  let cut = text;
  while (width(cut) > most - 1) cut = cut.slice(0, -1);
  return `${cut}…`;
}

function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], paint: Paint): string {
  const cells = rows.map((row) => columns.map((column) => fit(column.cell(row), column.most ?? 60)));
  const widths = columns.map((column, i) => Math.max(width(column.title), ...cells.map((row) => width(row[i]!))));
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, i) => (columns[i]!.right ? ' '.repeat(widths[i]! - width(cell)) + cell : cell + ' '.repeat(widths[i]! - width(cell)))).join('  ')}`.trimEnd();
  return [paint.dim(line(columns.map((column) => column.title))), ...cells.map(line)].join('\n');
}

/** Thousands are set apart, and what a person does not read of eighteen decimals is left to --json. */
function readable(amount: string): string {
  const [whole = '0', fraction = ''] = amount.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ' ');
  const shown = fraction.replace(/0+$/, '').slice(0, 6).padEnd(2, '0');
  return `${grouped}.${shown}${fraction.replace(/0+$/, '').length > 6 ? '…' : ''}`;
}

function stateOf(payment: PaymentFact): string {
  return payment.verified === null ? payment.state : `${payment.state} ${payment.verified ? '✓' : '✗'}`;
}

/** The whole report as a person reads it: what became of every payment first, then why, then the evidence. */
export function renderReport(facts: JobFacts, paint: Paint): string {
  const { payments } = facts;
  const settled = payments.filter(({ state }) => state === 'settled').length;
  const heading = (text: string) => `\n${paint.bold(text)}`;
  const unpaid = payments.filter(({ reason }) => reason !== null);
  const parts = [
    heading(`Payments: ${payments.length} ordered, ${settled} settled, ${payments.length - settled} not`),
    table(
      payments,
      [
        { title: 'merchant', cell: (row) => row.merchant, most: 20 },
        { title: 'order', cell: (row) => row.endToEndId, most: 16 },
        { title: 'payee', cell: (row) => row.payee, most: 26 },
        { title: 'ordered', cell: (row) => `${readable(row.instructed)} ${row.currency}`, right: true },
        { title: 'payee gets', cell: (row) => (row.pays ? `${readable(row.pays.amount)} ${row.pays.asset}` : ''), right: true },
        { title: 'merchant pays', cell: (row) => (row.costs ? `${readable(row.costs.total)} ${row.costs.asset}` : ''), right: true },
        { title: 'fee', cell: (row) => (row.costs ? readable(row.costs.fee) : ''), right: true },
        { title: 'FX rate', cell: (row) => row.rate ?? '', right: true, most: 12 },
        { title: 'outcome', cell: stateOf },
      ],
      paint,
    ),
    unpaid.length > 0 ? heading('Why these were not paid') : '',
    ...unpaid.map((row) => `  ${row.endToEndId}  ${paint.yellow(row.reasonCode ?? '')}\n    ${row.reason}`),
    heading('Deposits, credited when final'),
    table(
      facts.deposits,
      [
        { title: 'owner', cell: (row) => row.owner, most: 30 },
        { title: 'amount', cell: (row) => `${readable(row.amount)} ${row.asset}`, right: true },
        { title: 'by', cell: (row) => row.method },
        { title: 'record', cell: (row) => row.seq, right: true },
        { title: 'transaction', cell: (row) => row.transaction, most: 66 },
      ],
      paint,
    ),
    heading('Payouts by the vault'),
    table(
      facts.instructions.flatMap((row) => row.transactions.map((transaction, i) => ({ ...row, transaction, first: i === 0 }))),
      [
        { title: 'instruction', cell: (row) => row.instruction, most: 14 },
        { title: 'total', cell: (row) => (row.first ? `${readable(row.total)} ${row.asset}` : 'again'), right: true },
        { title: 'payees', cell: (row) => (row.first ? `${row.paid} paid${row.returned ? `, ${row.returned} returned` : ''}` : '') },
        { title: 'gas', cell: (row) => row.transaction.gas, right: true },
        { title: 'transaction', cell: (row) => row.transaction.hash, most: 66 },
      ],
      paint,
    ),
    heading('Anchors of the ledger'),
    table(
      facts.anchors,
      [
        { title: 'anchor', cell: (row) => `${row.index}`, right: true },
        { title: 'records', cell: (row) => `${row.firstSeq}–${row.lastSeq}`, right: true },
        { title: 'block', cell: (row) => row.block, right: true },
        { title: 'gas', cell: (row) => row.gas, right: true },
        { title: 'transaction', cell: (row) => row.transaction, most: 66 },
      ],
      paint,
    ),
    heading('Reconciliation, to the last unit'),
    table(
      facts.reconciliation,
      [
        { title: 'asset', cell: (row) => row.asset },
        { title: 'vault on the chain', cell: (row) => row.chain, right: true },
        { title: 'vault in the ledger', cell: (row) => row.ledger, right: true },
        { title: 'deposits less settled payments', cell: (row) => row.payments, right: true },
        { title: '', cell: (row) => (row.contradictions.length === 0 ? 'equal' : 'DIFFERENT') },
      ],
      paint,
    ),
    ...facts.reconciliation.flatMap((row) => row.contradictions.map((text) => paint.red(`  ${row.asset}: ${text}`))),
    ...payments.filter(({ problem }) => problem !== null).map((row) => paint.red(`  ${row.endToEndId}: the receipt does not verify: ${row.problem}`)),
    heading(facts.ok ? paint.green('Every line verified.') : paint.red('Not every line verified.')),
    paint.dim(
      `  ${payments.filter(({ verified }) => verified).length} receipts checked by the independent verifier · set-up ${seconds(facts.timing.setUpMs)}, job ${seconds(facts.timing.jobMs)}, ${facts.timing.peakMemoryMiB} MiB`,
    ),
    ...facts.simulated.map((what) => paint.yellow(`  simulated: ${what}`)),
  ];
  return `${parts.filter((part) => part !== '').join('\n')}\n`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export interface Serving {
  readonly url: string;
  readonly keys: { readonly operator: string; readonly merchant: string };
  readonly rpcUrl: string;
  /** The state folder, as one would type it here. */
  readonly state: string;
}

/** What can be done now, each to be copied as it stands: with a payment that there is. */
export function renderServing({ payments }: Pick<JobFacts, 'payments'>, { url, keys, rpcUrl, state }: Serving): string {
  const proven = payments.find(({ verified }) => verified === true);
  const receipt = proven ? `  check a receipt      npx cairn verify ${state}/receipts/${proven.id}.json --rpc ${rpcUrl}\n` : '';
  return `
The API serves on ${url} until Ctrl-C (this machine only).
  what there is        curl ${url}/openapi.json
  as the operator      curl -H 'Authorization: Bearer ${keys.operator}' ${url}/v1/status
  as a merchant        curl -H 'Authorization: Bearer ${keys.merchant}' ${url}/v1/payments
${receipt}  audit everything     npx cairn export EXPORT --state ${state} && npx cairn audit EXPORT --rpc ${rpcUrl}
  who governs          npx cairn govern status --state ${state}
`;
}
