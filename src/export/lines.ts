import { assert, NIL_UUID, toHex, type BookId, type Hex, type TimeMs } from '#base';
import { recordSalt } from '#anchor/core';
import { loadSql, query, type NamedStatement, type Queryable, type Row } from '#db';
import { KIND_NUMBERS } from '#ledger/core';

const SQL = loadSql(new URL('./sql/export.sql', import.meta.url), [
  'deployment',
  'ownBook',
  'records',
  'accounts',
  'openHolds',
  'batches',
  'anchors',
  'orders',
  'orderFile',
  'payments',
  'merchants',
  'wallets',
  'payees',
]);

/** One line of an export, JSON as it stands: integers beyond 32 bits are decimal strings, bytes lower-case hexadecimal. docs/formats.md, "Exports". */
export type ExportLine = Readonly<Record<string, unknown>> & { readonly type: string };

const PAGE = 1_000;
const KINDS = new Map(Object.entries(KIND_NUMBERS).map(([kind, number]) => [number, kind]));

function inSchema(statement: NamedStatement, schema: string): NamedStatement {
  assert(/^book_[0-9a-f]{32}$/.test(schema), `${schema} is no schema of a book`);
  return { name: `${statement.name}.${schema.slice(5)}`, text: statement.text.replaceAll(/\bbook\.(?=[a-z_]+\b)/g, `${schema}.`) };
}

function hexOrNull(bytes: Uint8Array | null): Hex | null {
  return bytes && toHex(bytes);
}

/** Every row of a statement that is asked page by page: its last two parameters are where to go on and how many. */
async function* pages(client: Queryable, statement: NamedStatement, first: readonly unknown[], start: unknown, key: string): AsyncGenerator<Row> {
  for (let after = start; ;) {
    const rows: Row[] = await query(client, statement, [...first, after, PAGE]);
    yield* rows;
    if (rows.length < PAGE) return;
    after = rows.at(-1)[key];
  }
}

/**
 * The lines of an export of the platform's own book, none where it is not here: header, records in order, batches, anchors, what the database says the balances and open holds are,
 * the directory of merchants, wallets and payees, the order files, the payments, and an end that counts them. `client` is in one snapshot. Says what is stored, tampered with or not: judging is the audit's.
 */
export async function* exportLines(client: Queryable, nowMs: TimeMs): AsyncGenerator<ExportLine> {
  const [deployment] = await query(client, SQL.deployment);
  const [book] = await query<{ id: BookId; schema_name: string }>(client, SQL.ownBook);
  if (!deployment || !book) return;
  let lines = 1;
  yield headerLine(deployment, book.id, nowMs);
  for await (const line of bodyLines(client, book.id, book.schema_name)) {
    lines++;
    yield line;
  }
  yield { type: 'end', lines };
}

function headerLine(deployment: Row, book: BookId, nowMs: TimeMs): ExportLine {
  return {
    type: 'header',
    format: 'cairn-export/1',
    exportedMs: nowMs,
    chainId: `${deployment.chain_id}`,
    anchor: toHex(deployment.anchor),
    vault: toHex(deployment.vault),
    timelock: toHex(deployment.timelock),
    fromBlock: `${deployment.block_number}`,
    tokens: deployment.tokens,
    book,
  };
}

async function* bodyLines(client: Queryable, book: BookId, schema: string): AsyncGenerator<ExportLine> {
  for await (const row of pages(client, inSchema(SQL.records, schema), [], 0n, 'seq')) yield recordLine(row, book);
  for await (const row of pages(client, SQL.batches, [book], 0n, 'batch_no')) yield batchLine(row);
  for await (const row of pages(client, SQL.anchors, [], -1n, 'log_index')) yield anchorLine(row);
  for await (const row of pages(client, inSchema(SQL.accounts, schema), [], 0, 'no')) yield accountLine(row);
  for await (const row of pages(client, inSchema(SQL.openHolds, schema), [], 0n, 'seq')) yield holdLine(row);
  for await (const { merchant, signing_key, digest } of pages(client, SQL.merchants, [], NIL_UUID, 'merchant'))
    yield { type: 'merchant', merchant, key: toHex(signing_key), digest: toHex(digest) };
  for await (const { wallet, merchant, digest } of pages(client, SQL.wallets, [], new Uint8Array(0), 'wallet'))
    yield { type: 'wallet', wallet: toHex(wallet), merchant, digest: toHex(digest) };
  for await (const row of pages(client, SQL.payees, [], NIL_UUID, 'payee')) yield payeeLine(row);
  for (const { order_id } of await query(client, SQL.orders)) for (const row of await query(client, SQL.orderFile, [order_id])) yield orderLine(row);
  for await (const row of pages(client, SQL.payments, [], NIL_UUID, 'payment')) yield paymentLine(row);
}

/** The salt instead of the subject's key: an auditor can recompute this record, and learns nothing about the subject's others. */
function recordLine(row: Row, book: BookId): ExportLine {
  const salt = row.subject_key === null ? null : toHex(recordSalt(new Uint8Array(row.subject_key), book, row.seq));
  return { type: 'record', record: recordJson(row), subject: row.subject, fields: row.fields, salt: row.fields === null ? null : salt };
}

function recordJson(row: Row): Readonly<Record<string, unknown>> {
  const head = { kind: KINDS.get(row.kind) ?? `kind ${row.kind}`, seq: `${row.seq}`, nowMs: Number(row.now_ms) };
  if (head.kind !== 'transfer') return { ...head, ...row.body };
  return {
    ...head,
    id: row.id,
    pendingId: row.pending_id ?? NIL_UUID,
    debit: row.debit,
    credit: row.credit,
    asset: Number(row.asset),
    amount: `${row.amount}`,
    code: row.code,
    flags: row.flags,
    timeoutS: Number(row.timeout_s ?? 0n),
    effectiveMs: Number(row.effective_ms ?? 0n),
    reference: row.reference ?? NIL_UUID,
  };
}

function batchLine(row: Row): ExportLine {
  return {
    type: 'batch',
    batchNo: `${row.batch_no}`,
    firstSeq: `${row.first_seq}`,
    lastSeq: `${row.last_seq}`,
    previousHead: toHex(row.previous_head),
    batchRoot: toHex(row.batch_root),
    bookRecord: toHex(row.book_record),
    leaves: toHex(row.leaves),
    fieldsRoots: toHex(row.fields_roots),
    anchor: row.log_index === null ? null : `${row.log_index}`,
  };
}

function anchorLine(row: Row): ExportLine {
  const { log_index, leaf, state, transaction_hash, books } = row;
  return { type: 'anchor', index: `${log_index}`, leaf: toHex(leaf), state, transaction: hexOrNull(transaction_hash), books };
}

function accountLine(row: Row): ExportLine {
  return {
    type: 'account',
    id: row.id,
    asset: Number(row.asset),
    code: row.code,
    flags: row.flags,
    owner: row.owner,
    overdraft: `${row.overdraft}`,
    debitsPending: `${row.debits_pending}`,
    debitsPosted: `${row.debits_posted}`,
    creditsPending: `${row.credits_pending}`,
    creditsPosted: `${row.credits_posted}`,
    seq: `${row.seq}`,
  };
}

function holdLine(row: Row): ExportLine {
  const [windowSeq, releaseSeq] = [row.window_seq, row.release_seq].map((seq: bigint | null) => (seq === null ? null : `${seq}`));
  return {
    type: 'hold',
    id: row.id,
    seq: `${row.seq}`,
    debit: row.debit,
    credit: row.credit,
    asset: Number(row.asset),
    amount: `${row.amount}`,
    captured: `${row.captured}`,
    windowSeq,
    releaseSeq,
  };
}

function payeeLine({ payee, merchant, name, account, address, asset, digest }: Row): ExportLine {
  return { type: 'payee', payee, merchant, name, account, address: toHex(address), asset: Number(asset), digest: toHex(digest) };
}

function orderLine(row: Row): ExportLine {
  return {
    type: 'order',
    order: row.order_id,
    merchant: row.merchant,
    account: row.account,
    fileHash: toHex(row.file_hash),
    digest: toHex(row.digest),
    file: Buffer.from(row.file).toString('base64'),
  };
}

function paymentLine(row: Row): ExportLine {
  return {
    type: 'payment',
    payment: row.payment,
    order: row.order_id,
    position: row.position,
    merchant: row.merchant,
    payee: row.payee,
    state: row.state,
    reasonCode: row.reason_code,
    reason: row.reason,
    endToEndId: row.end_to_end_id,
    creditorName: row.creditor_name,
    creditorAccount: row.creditor_account,
    currency: row.currency,
    instructed: row.instructed,
    hold: row.hold,
    holdSeq: row.hold_seq === null ? null : `${row.hold_seq}`,
  };
}
