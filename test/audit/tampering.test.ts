import assert from 'node:assert/strict';
import { getPublicKey, signAsync } from '@noble/secp256k1';
import { fromHex, toHex, type AccountId, type AssetNo, type BookId, type Hex, type OrderId, type PayeeId, type Uuid } from '#base';
import { auditExport, type AuditResult } from '#audit';
import { canonicalJson } from '#anchor/core';
import { addressOf } from '#custody/intents';
import { clearingAccount } from '#interbook/core';
import { authorisationJson, merchantDomain, messageDigest, type MessageKind, type Messages } from '#identity/core';
import { bookRecordOf, exportOf, hashOf, recordedChain, recordedLines, type Line } from './recorded.ts';
import { loadExample } from '../../scripts/example/example.ts';

/* Each case changes the recorded export of a real run as a superuser of the database could have changed what it was read from. */

type RecordLine = Line & { record: Record<string, unknown> & { seq: string; kind: string }; fields: Record<string, string> | null; subject: string; salt: Hex };

function records(lines: readonly Line[], fits: (line: RecordLine) => boolean): RecordLine[] {
  return lines.filter((line): line is RecordLine => line.type === 'record').filter(fits);
}

function theRecord(lines: readonly Line[], fits: (line: RecordLine) => boolean): RecordLine {
  const [found] = records(lines, fits);
  assert.ok(found, 'the recorded run has such a record');
  return found;
}

const isHold = ({ record, fields }: RecordLine): boolean => record.kind === 'transfer' && fields?.['order'] !== undefined;
const seqOf = ({ record }: RecordLine): bigint => BigInt(record.seq);

async function audit(lines: readonly Line[]): Promise<AuditResult> {
  return auditExport(await exportOf(lines), recordedChain());
}

/** A finding that names this record (or none), its batch, and the contradiction. */
function assertFinds({ findings }: AuditResult, kind: string, seq: bigint | null, sentence: RegExp): void {
  const found = findings.find((finding) => finding.kind === kind && finding.seq === seq && sentence.test(finding.sentence));
  assert.ok(found, `no ${kind} finding at ${seq} like ${sentence} among:\n${findings.map((one) => `${one.kind} ${one.seq}: ${one.sentence}`).join('\n')}`);
  if (seq !== null && seq <= 242n) assert.notEqual(found.batch, null);
}

const THIEF: Hex = `0x${'17'.repeat(32)}`;
const HIS_ADDRESS: Hex = `0x${'66'.repeat(20)}`;

/** A message signed by somebody who is not the merchant, unless the key says otherwise. */
async function forged<Kind extends MessageKind>(
  lines: readonly Line[],
  kind: Kind,
  message: Messages[Kind],
  key = THIEF,
): Promise<{ evidence: string; digest: Hex }> {
  const header = lines[0] as unknown as { chainId: string; vault: Hex };
  const digest = messageDigest(merchantDomain(BigInt(header.chainId), header.vault), kind, message);
  const signed = await signAsync(digest, fromHex(key), { prehash: false, format: 'recovered' });
  const signature = toHex(Uint8Array.of(...signed.slice(1), 27 + signed[0]!));
  return { evidence: canonicalJson(authorisationJson({ kind, message, evidence: { scheme: 'eip712', signature } })), digest: toHex(digest) };
}

function integersOf({ count, nonce, expiry }: Record<string, string>) {
  return { count: BigInt(count!), nonce: BigInt(nonce!), expiry: BigInt(expiry!) };
}

function append(lines: Line[], record: Record<string, unknown>, evidence: { fields: Record<string, string>; subject: string } | null): bigint {
  const all = records(lines, () => true);
  const last = all.at(-1);
  const seq = seqOf(last) + 1n;
  const line: Line = {
    type: 'record',
    record: { ...record, seq: `${seq}`, nowMs: last.record['nowMs'] },
    subject: evidence?.subject ?? null,
    fields: evidence?.fields ?? null,
    salt: evidence ? `0x${'55'.repeat(32)}` : null,
  };
  lines.splice(lines.indexOf(last) + 1, 0, line);
  return seq;
}

describe('an audit of a recorded run', () => {
  it('finds nothing where nothing was changed', async () => {
    const { findings, checked } = await audit(recordedLines());
    assert.deepEqual(findings, []);
    assert.equal(checked.sealed, checked.records);
    assert.ok(checked.payments >= 20 && checked.paid >= 15 && checked.returned >= 1 && checked.signatures >= 20);
  });

  it('names the record whose amount was changed', async () => {
    const lines = recordedLines();
    const hold = theRecord(lines, isHold);
    hold.record['amount'] = `${BigInt(hold.record['amount'] as string) + 1n}`;
    const result = await audit(lines);
    assertFinds(result, 'leaf', seqOf(hold), /changed after it was sealed/);
    assertFinds(result, 'price', seqOf(hold), /its quote comes to/);
    assert.equal(result.sinceBatch, result.findings.find(({ seq }) => seq === seqOf(hold))!.batch);
  });

  it('names the record whose account was changed', async () => {
    const lines = recordedLines();
    const [first, other] = records(lines, ({ record }) => record.kind === 'transfer' && record['code'] === 1);
    first!.record['credit'] = other!.record['credit'];
    const result = await audit(lines);
    assertFinds(result, 'leaf', seqOf(first!), /changed after it was sealed/);
    assertFinds(result, 'deposit', seqOf(first!), /the deposit in 0x/);
  });

  it('names the hold whose order was changed', async () => {
    const lines = recordedLines();
    const hold = theRecord(lines, isHold);
    const order = JSON.parse(hold.fields!['order']!) as Record<string, unknown>;
    hold.fields!['order'] = canonicalJson({ ...order, instructed: '999999', creditorName: 'Somebody Else' });
    const result = await audit(lines);
    assertFinds(result, 'fields', seqOf(hold), /not what was sealed/);
    assertFinds(result, 'order', seqOf(hold), /instructed "999999"; the signed file says/);
  });

  it('names the order whose file was changed, and the record that shows it', async () => {
    const lines = recordedLines();
    const entry = lines.find(({ type }) => type === 'order')!;
    const file = Buffer.from(entry['file'] as string, 'base64').toString('utf8');
    entry['file'] = Buffer.from(file.replace(/<Nm>[^<]+<\/Nm>/g, '<Nm>Thief Ltd</Nm>')).toString('base64');
    const order = theRecord(lines, ({ record }) => record.kind === 'order' && record['order'] === entry['order']);
    assertFinds(await audit(lines), 'order', seqOf(order), /no valid signature: The merchant signed the file/);
  });

  it('names the record that was deleted', async () => {
    const lines = recordedLines();
    const fee = theRecord(lines, ({ record }) => record.kind === 'transfer' && record['code'] === 11);
    const result = await audit(lines.filter((line) => line !== fee));
    assertFinds(result, 'sequence', seqOf(fee), /is missing/);
    assertFinds(result, 'leaf', seqOf(fee), /was sealed as 0x[0-9a-f]{64} and is not there/);
  });

  it('names the record that was inserted between others', async () => {
    const lines = recordedLines();
    const hold = theRecord(lines, isHold);
    const copy = structuredClone(hold);
    const from = seqOf(hold);
    for (const line of records(lines, (one) => seqOf(one) >= from)) line.record.seq = `${seqOf(line) + 1n}`;
    copy.record['id'] = '7f000000-0000-8000-8000-000000000001';
    lines.splice(lines.indexOf(hold), 0, copy);
    const result = await audit(lines);
    assertFinds(result, 'leaf', from, /changed after it was sealed/);
    assertFinds(result, 'unauthorised', from, /neither a deposit nor a leg/);
  });

  it('names the record that was appended without anybody’s order', async () => {
    const lines = recordedLines();
    const [one, two] = records(lines, ({ record }) => record.kind === 'account' && record['code'] === 20 && record['asset'] === 1);
    const body = { kind: 'transfer', id: '7f000000-0000-8000-8000-000000000002', pendingId: '00000000-0000-0000-0000-000000000000' };
    const transfer = { ...body, debit: one!.record['id'], credit: two!.record['id'], asset: 1, amount: '5', code: 99, flags: 0, timeoutS: 0, effectiveMs: 0 };
    const seq = append(lines, { ...transfer, reference: '00000000-0000-0000-0000-000000000000' }, null);
    assertFinds(await audit(lines), 'unauthorised', seq, /moves 5 from account/);
  });

  it('names the balance that was changed and the record that it contradicts', async () => {
    const lines = recordedLines();
    const account = lines.find(({ type, code }) => type === 'account' && code === 20)!;
    account['creditsPosted'] = `${BigInt(account['creditsPosted'] as string) + 1_000n}`;
    assertFinds(await audit(lines), 'balance', BigInt(account['seq'] as string), /stored creditsPosted .* the records up to \d+ come to/);
  });

  it('names the fee that was changed, also where its quote was changed with it', async () => {
    const lines = recordedLines();
    const hold = theRecord(lines, isHold);
    const fee = theRecord(lines, ({ record }) => record['reference'] === hold.record['reference'] && record['code'] === 11);
    fee.record['amount'] = '1';
    const quote = JSON.parse(hold.fields!['quote']!) as { price: Record<string, string>; tariff: { fee: Record<string, unknown> } };
    quote.price['fee'] = '1';
    const result = await audit(lines);
    assertFinds(result, 'price', seqOf(fee), /is 1; its quote comes to/);
    hold.fields!['quote'] = canonicalJson(quote);
    assertFinds(await audit(lines), 'price', seqOf(hold), /wrong price: fee is shown as 1 and comes to/);
    quote.tariff.fee = { ...quote.tariff.fee, fixed: '1', minimum: '1', maximum: '1', basisPoints: 0 };
    hold.fields!['quote'] = canonicalJson(quote);
    assertFinds(await audit(lines), 'price', seqOf(hold), /other fees or another spread than the published tariff/);
  });

  it('names the records whose salts were swapped', async () => {
    const lines = recordedLines();
    const [one, two] = records(lines, isHold);
    [one!.salt, two!.salt] = [two!.salt, one!.salt];
    const result = await audit(lines);
    assertFinds(result, 'fields', seqOf(one!), /the salt of its subject, is not what was sealed/);
    assertFinds(result, 'fields', seqOf(two!), /the salt of its subject, is not what was sealed/);
  });

  it('names the batch whose root was replaced', async () => {
    const lines = recordedLines();
    const batch = lines.filter(({ type }) => type === 'batch')[1]!;
    batch['batchRoot'] = `0x${'ab'.repeat(32)}`;
    const { findings } = await audit(lines);
    assert.ok(findings.some(({ batch: no, sentence }) => no === 2n && /root .* of batch 2 \(records \d+ to \d+\) is not that of its leaves/.test(sentence)));
  });

  it('names the batch where everything up to the anchor leaf was replaced consistently: the chain has another leaf', async () => {
    const lines = recordedLines();
    const anchor = lines.filter(({ type }) => type === 'anchor')[1]!;
    const batch = lines.filter(({ type }) => type === 'batch')[1]!;
    batch['batchRoot'] = `0x${'cd'.repeat(32)}`;
    anchor['books'] = [bookRecordOf(lines, batch)];
    anchor['leaf'] = batch['bookRecord'] = hashOf(bookRecordOf(lines, batch));
    const { findings } = await audit(lines);
    assert.ok(
      findings.some(
        ({ kind, batch: no, sentence }) => kind === 'anchor' && no === 2n && /carries batch 2 .* on the chain: what it carries was replaced/.test(sentence),
      ),
    );
  });

  it('names the order that no merchant signed', async () => {
    const lines = recordedLines();
    const real = theRecord(lines, ({ record }) => record.kind === 'order');
    const { message } = JSON.parse(real.fields!['authorisation']!) as { message: Record<string, string> };
    const order = '7f000000-0000-8000-8000-000000000003' as OrderId;
    const { evidence, digest } = await forged(lines, 'Order', {
      ...(message as unknown as Messages['Order']),
      order,
      count: BigInt(message['count']!),
      nonce: 99n,
      expiry: 1n << 40n,
    });
    const merchant = real.record['merchant'] as string;
    const seq = append(
      lines,
      { kind: 'order', order, merchant, authorisation: digest, count: Number(message['count']) },
      { fields: { authorisation: evidence }, subject: merchant },
    );
    const stored = lines.find(({ type }) => type === 'order')!;
    lines.splice(lines.indexOf(stored), 0, { ...stored, order, digest });
    const result = await audit(lines);
    assertFinds(result, 'order', seq, /no valid signature: The message was signed by/);
    assertFinds(result, 'order', null, /is stored and in no signed record/);
  });

  it('names the legs of a hold that debit another account than the merchant signed for', async () => {
    const lines = recordedLines();
    const hold = theRecord(lines, isHold);
    const { order } = JSON.parse(hold.fields!['order']!) as { order: string };
    const signed = theRecord(lines, ({ record }) => record.kind === 'order' && record['order'] === order);
    const merchant = signed.record['merchant'];
    const fee = theRecord(lines, ({ record }) => record['reference'] === hold.record['reference'] && record['code'] === 11);
    const second = theRecord(lines, ({ record }) => record.kind === 'account' && record['owner'] === merchant && record['id'] !== fee.record['debit']);
    const { message } = JSON.parse(signed.fields!['authorisation']!) as { message: Record<string, string> };
    const changed = { ...(message as unknown as Messages['Order']), account: second.record['id'] as AccountId };
    const key = loadExample().merchants.find(({ id }) => id === merchant)!.publicTestKey;
    const { evidence, digest } = await forged(lines, 'Order', { ...changed, ...integersOf(message) }, key);
    signed.record['authorisation'] = digest;
    signed.fields = { authorisation: evidence };
    const there = second.record['id'] as string;
    assertFinds(await audit(lines), 'unauthorised', seqOf(fee), new RegExp(`has the debit account ${fee.record['debit'] as string} where ${there} belongs`));
  });

  it('names the payee whom no merchant signed for', async () => {
    const lines = recordedLines();
    const real = theRecord(lines, ({ record }) => record.kind === 'payee');
    const { message } = JSON.parse(real.fields!['authorisation']!) as { message: Record<string, string> };
    const payee = '7f000000-0000-8000-8000-000000000004' as PayeeId;
    const invented = { ...(message as unknown as Messages['Payee']), payee, settlementAddress: HIS_ADDRESS, nonce: 99n, expiry: 1n << 40n };
    const { evidence, digest } = await forged(lines, 'Payee', invented);
    real.record = { ...real.record, payee, authorisation: digest };
    real.fields = { authorisation: evidence };
    const result = await audit(lines);
    assertFinds(result, 'payee', seqOf(real), /no valid signature: The message was signed by/);
    assertFinds(result, 'leaf', seqOf(real), /changed after it was sealed/);
  });

  it('names the hold for an entry that the merchant had replaced before it, and none before the replacement', async () => {
    const lines = recordedLines();
    const hold = theRecord(lines, isHold);
    const { payee } = JSON.parse(hold.fields!['payee']!) as { payee: string };
    const entry = theRecord(lines, ({ record }) => record.kind === 'payee' && record['payee'] === payee);
    const { message } = JSON.parse(entry.fields!['authorisation']!) as { message: Record<string, string> };
    const newer = { ...(message as unknown as Messages['Payee']), payee: '7f000000-0000-8000-8000-000000000005' as PayeeId };
    const merchant = entry.record['merchant'] as string;
    const key = loadExample().merchants.find(({ id }) => id === merchant)!.publicTestKey;
    const { evidence, digest } = await forged(lines, 'Payee', { ...newer, settlementAddress: HIS_ADDRESS, nonce: 99n, expiry: 1n << 40n }, key);
    const replaced = append(
      lines,
      { kind: 'payee', payee: newer.payee, merchant, authorisation: digest },
      { fields: { authorisation: evidence }, subject: merchant },
    );
    const sentence = /which the merchant had replaced in record/;
    assert.ok(
      (await audit(lines)).findings.every((finding) => !sentence.test(finding.sentence)),
      'what was held before is as it was',
    );
    const { seq: _seq, nowMs: _nowMs, ...body } = hold.record;
    const late = append(lines, body, { fields: hold.fields!, subject: hold.subject });
    assertFinds(await audit(lines), 'payee', late, new RegExp(`pays ${message['settlementAddress']} by .* replaced in record ${replaced} by ${HIS_ADDRESS}`));
  });

  it('names the payee whose address was changed in the directory only', async () => {
    const lines = recordedLines();
    const entry = lines.find(({ type }) => type === 'payee')!;
    entry['address'] = `0x${'66'.repeat(20)}`;
    const record = theRecord(lines, ({ record: body }) => body.kind === 'payee' && body['payee'] === entry['payee']);
    assertFinds(await audit(lines), 'payee', seqOf(record), /which the merchant signed, says/);
  });

  it('finds a payment that is shown as settled and was given back, and one that is shown with another account', async () => {
    const lines = recordedLines();
    const returned = lines.find(({ type, state }) => type === 'payment' && state === 'returned')!;
    returned['state'] = 'settled';
    const settled = lines.find(({ type, state }) => type === 'payment' && state === 'settled')!;
    const wasReturned = returned['payment'];
    const paid = lines.find(({ type, state, payment }) => type === 'payment' && state === 'settled' && payment !== wasReturned)!;
    paid['creditorAccount'] = 'DE00';
    const { findings } = await audit(lines);
    assert.ok(settled && findings.some(({ kind, sentence }) => kind === 'payment' && /as settled; its hold in record \d+ is voided/.test(sentence)));
    assert.ok(findings.some(({ kind, sentence }) => kind === 'payment' && /creditorAccount "DE00"; the signed file says/.test(sentence)));
  });

  it('takes the clearing account of another book as it is, and names what passes through it: the file of one book does not show the other’s side', async () => {
    const lines = recordedLines();
    const { book } = lines[0] as unknown as { book: BookId };
    const merchant = theRecord(lines, ({ record }) => record.kind === 'account' && record['code'] === 20 && record['asset'] === 1);
    const owner = '7f000000-0000-7000-8000-000000000003' as Uuid<'book'>;
    const clearing = clearingAccount(book, 1 as AssetNo, owner);
    const opened = append(lines, { kind: 'account', id: clearing, asset: 1, code: 90, flags: 0, overdraft: '0', owner }, null);
    const nil = '00000000-0000-0000-0000-000000000000';
    const body = { kind: 'transfer', id: '7f000000-0000-7000-8000-000000000004', pendingId: nil, reference: '7f000000-0000-7000-8000-000000000005' };
    const hold = { ...body, debit: clearing, credit: merchant.record['id'], asset: 1, amount: '5', code: 20, flags: 2, timeoutS: 0, effectiveMs: 0 };
    const held = append(lines, hold, null);
    const found = (await audit(lines)).findings.filter(({ kind }) => kind === 'unauthorised' || kind === 'rules');
    assert.deepEqual(
      found.map(({ seq }) => seq),
      [held],
      `not ${opened}`,
    );
    assert.match(found[0]!.sentence, /moves 5 from account .* neither a deposit nor a leg of a payment/);
  });

  it('finds payments and payees that were taken out, and an account that could owe', async () => {
    const lines = recordedLines();
    const payment = lines.find(({ type, state }) => type === 'payment' && state === 'settled')!;
    const payee = lines.find(({ type }) => type === 'payee')!;
    const account = theRecord(lines, ({ record }) => record.kind === 'account' && record['code'] === 20);
    account.record['flags'] = 0;
    const { findings } = await audit(lines.filter((line) => line !== payment && line !== payee));
    assert.ok(findings.some(({ kind, sentence }) => kind === 'payment' && /is not among the payments that merchants are shown/.test(sentence)));
    assert.ok(findings.some(({ kind, sentence }) => kind === 'payment' && /1 payments are not shown to the merchant/.test(sentence)));
    assert.ok(findings.some(({ kind, sentence }) => kind === 'payee' && /and not in the directory/.test(sentence)));
    assert.ok(findings.some(({ kind, seq, sentence }) => kind === 'unauthorised' && seq === seqOf(account) && /without the limit/.test(sentence)));
    assert.ok(findings.some(({ kind, sentence }) => kind === 'order' && /which may owe/.test(sentence)));
  });

  it('finds what the chain does not confirm: a payout, a deposit, a release, the reserve', async () => {
    const exported = await exportOf(recordedLines());
    const chain = recordedChain();
    const kinds = (changed: Partial<typeof chain>): Set<string> => new Set(auditExport(exported, { ...chain, ...changed }).findings.map(({ kind }) => kind));
    assert.ok(kinds({ paid: [] }).has('payout'));
    assert.ok(kinds({ paid: [...chain.paid, { ...chain.paid[0]!, instruction: `0x${'01'.repeat(32)}` }] }).has('payout'));
    assert.ok(kinds({ paid: [...chain.paid, chain.paid[0]!] }).has('payout'));
    assert.ok(kinds({ deposits: chain.deposits.slice(1) }).has('deposit'));
    assert.ok(kinds({ deposits: chain.deposits.map((one, i) => (i === 0 ? { ...one, amount: one.amount + 1n } : one)) }).has('deposit'));
    assert.ok(kinds({ finalTimestamp: 0n }).has('payout'));
    assert.ok(kinds({ holdings: new Map([...chain.holdings].map(([token, units]) => [token, units - 1n])) }).has('reserve'));
    assert.ok(kinds({ vaultAnchor: `0x${'02'.repeat(20)}` }).has('anchor'));
    assert.ok(kinds({ anchored: chain.anchored.slice(0, -1) }).has('anchor'));
  });

  it('compares the merchants’ keys with the ones that the auditor knows', async () => {
    const exported = await exportOf(recordedLines());
    const keys = new Map(exported.merchants.map(({ merchant, key }) => [merchant, key]));
    assert.deepEqual(auditExport(exported, recordedChain(), keys).findings, []);
    const [first] = keys.keys();
    const other = new Map([...keys, [first!, addressOf(getPublicKey(fromHex(THIEF), false))]]);
    assert.match(auditExport(exported, recordedChain(), other).findings[0]!.sentence, /and you know 0x/);
    other.delete(first!);
    assert.match(auditExport(exported, recordedChain(), other).findings[0]!.sentence, /whom the list of keys does not name/);
  });
});
