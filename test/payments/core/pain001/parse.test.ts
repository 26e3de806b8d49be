import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Problem, utf8 } from '#base';
import { duplicateKey, MAX_PAYMENTS, minorUnits, parsePain001, type ParsedOrderFile } from '#payments/core';
import { NAMESPACE_03, NAMESPACE_09, SOUND } from '../../malformed.ts';

const BANK_FILE = new URL('../../../../../shared/data/iso20022/samples/musterfile_pain.001_Nov2020.xml', import.meta.url);

/** What the file says, apart from its bytes and its namespace. */
function contents(file: ParsedOrderFile): unknown {
  const { fileHash: _, namespace: __, version: ___, ...rest } = file;
  return rest;
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.code;
    throw thrown;
  }
  return 'no problem';
}

describe('reading an order file', () => {
  const sound = parsePain001(utf8(SOUND));

  it('says what the file says', () => {
    assert.equal(sound.version, '09');
    assert.equal(sound.count, 2);
    assert.equal(sound.controlSum, '110.5');
    assert.equal(sound.fileHash, `0x${createHash('sha256').update(SOUND).digest('hex')}`);
    const [first, second] = sound.payments;
    assert.equal(first?.amountMinor, 10_000n);
    assert.equal(first?.instructedAmount, '100');
    assert.deepEqual(first?.creditorAccount, { scheme: 'iban', id: 'FR1420041010050500013M02606' });
    assert.equal(first?.requestedExecutionDate, '2026-11-24');
    assert.equal(second?.index, 1);
    assert.deepEqual(sound.groups, [
      {
        index: 0,
        paymentInfoId: 'P-1',
        paymentMethod: 'TRF',
        requestedExecutionDate: '2026-11-24',
        debtor: { name: 'Alpine Optics AG', country: null, addressLines: [] },
        debtorAccount: { scheme: 'iban', id: 'CH9300762011623852957' },
        count: 2,
        controlSum: '110.5',
      },
    ]);
  });

  it('version .03 differs in the date and the name of the bank code only', () => {
    const old = SOUND.replace(NAMESPACE_09, NAMESPACE_03)
      .replace('<ReqdExctnDt><Dt>2026-11-24</Dt></ReqdExctnDt>', '<ReqdExctnDt>2026-11-24</ReqdExctnDt>')
      .replaceAll('BICFI', 'BIC');
    const read = parsePain001(utf8(old));
    assert.equal(read.version, '03');
    assert.deepEqual(contents(read), contents(sound));
  });

  for (const namespace of [
    'http://www.six-interbank-clearing.com/de/pain.001.001.03.ch.02.xsd',
    'urn:iso:std:iso:20022:tech:xsd:pain.001.001.09.ch.03',
    'urn:iso:std:iso:20022:tech:xsd:pain.001.003.03',
  ]) {
    it(`the national namespace ${namespace} is read as the version it names`, () => {
      assert.deepEqual(contents(parsePain001(utf8(SOUND.replace(NAMESPACE_09, namespace)))), contents(sound));
    });
  }

  it('a prefix, comments, processing instructions and CDATA change nothing', () => {
    const prefixed = SOUND.replaceAll(/<(\/?)([A-Z])/g, '<$1p:$2')
      .replace('xmlns=', 'xmlns:p=')
      .replace('Linse KG', '<![CDATA[Linse KG]]>')
      .replace('<p:GrpHdr>', '<!-- < & --><?tool <x> ?><p:GrpHdr>');
    assert.deepEqual(contents(parsePain001(utf8(prefixed))), contents(sound));
  });

  it('every encoding we read gives the same order', () => {
    const text = SOUND.replace('Linse KG', 'Lünse KG');
    const declared = (name: string): string => text.replace('encoding="UTF-8"', `encoding="${name}"`);
    const utf16le = (value: string): Buffer => Buffer.from(value, 'utf16le');
    const files: readonly Uint8Array[] = [
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]),
      Buffer.concat([Buffer.from([0xff, 0xfe]), utf16le(declared('UTF-16'))]),
      Buffer.concat([Buffer.from([0xfe, 0xff]), utf16le(declared('UTF-16')).swap16()]),
      utf16le(declared('UTF-16')),
      Buffer.from(declared('ISO-8859-1'), 'latin1'),
      Buffer.from(text.replace(/^<\?xml.*\?>/, '')),
    ];
    for (const bytes of files) assert.deepEqual(contents(parsePain001(new Uint8Array(bytes))), contents(parsePain001(utf8(text))));
  });

  it('an equivalent amount keeps both currencies', () => {
    const file = SOUND.replace('<InstdAmt Ccy="EUR">100.00</InstdAmt>', '<EqvtAmt><Amt Ccy="CHF">100.00</Amt><CcyOfTrf>EUR</CcyOfTrf></EqvtAmt>');
    const [payment] = parsePain001(utf8(file)).payments;
    assert.deepEqual([payment?.currency, payment?.transferCurrency, payment?.amountMinor, payment?.defects], ['CHF', 'EUR', 10_000n, []]);
  });

  it('minor units are those of ISO 4217, not two', () => {
    const amount = (currency: string, text: string): bigint => {
      const file = SOUND.replace('Ccy="EUR">100.00', `Ccy="${currency}">${text}`).replaceAll(/<CtrlSum>.*?<\/CtrlSum>/g, '');
      return parsePain001(utf8(file)).payments[0]!.amountMinor;
    };
    assert.equal(amount('JPY', '100.00'), 100n);
    assert.equal(amount('KWD', '1.5'), 1500n);
    assert.equal(amount('CLF', '0.0001'), 1n);
    assert.equal(amount('HUF', '7'), 700n);
    assert.deepEqual(['ISK', 'UGX', 'TND', 'UYW', 'IDR', 'XAU', 'ABC'].map(minorUnits), [0, 0, 3, 4, 2, null, undefined]);
  });

  it('a namesake with another end-to-end id is no duplicate, one without any is judged by the remittance', () => {
    const [first] = sound.payments;
    assert.ok(first);
    assert.notEqual(duplicateKey(first), duplicateKey({ ...first, endToEndId: 'E-9' }));
    const nameless = { ...first, endToEndId: 'NOTPROVIDED' };
    assert.notEqual(duplicateKey({ ...nameless, remittance: ['a'] }), duplicateKey({ ...nameless, remittance: ['b'] }));
    assert.equal(duplicateKey({ ...nameless, remittance: ['a'] }), duplicateKey({ ...nameless, remittance: ['a'], index: 7 }));
  });

  it('a wrong count may be accepted by name where the control sum is right, and only there', () => {
    const wrong = SOUND.replace('<NbOfTxs>2</NbOfTxs>', '<NbOfTxs>1</NbOfTxs>');
    const read = parsePain001(utf8(wrong), ['payments/count-mismatch']);
    assert.deepEqual([read.count, read.declaredCount, read.notices.map(({ code }) => code)], [2, 1, ['payments/count-mismatch']]);
    const unsummed = wrong.replace('<CtrlSum>110.50</CtrlSum><InitgPty>', '<InitgPty>');
    assert.equal(
      codeOf(() => parsePain001(utf8(unsummed), ['payments/count-mismatch'])),
      'payments/count-mismatch',
    );
  });

  it('more payments than we take at once are refused before they are read', () => {
    const one = SOUND.slice(SOUND.indexOf('<CdtTrfTxInf>'), SOUND.lastIndexOf('\n<CdtTrfTxInf>'));
    const many = SOUND.replace(one, '<CdtTrfTxInf/>'.repeat(MAX_PAYMENTS));
    assert.equal(
      codeOf(() => parsePain001(utf8(many))),
      'payments/too-many-payments',
    );
  });

  it('any bytes are read or refused by a Problem, never by a crash', () => {
    const spoiled = fc
      .tuple(fc.nat(SOUND.length - 1), fc.string({ unit: 'binary', maxLength: 6 }), fc.nat(40))
      .map(([at, insert, cut]) => SOUND.slice(0, at) + insert + SOUND.slice(at + cut));
    fc.assert(
      fc.property(spoiled, (text) => {
        codeOf(() => parsePain001(utf8(text)));
      }),
      { numRuns: 300 },
    );
  });

  const bankCases = existsSync(BANK_FILE) ? [BANK_FILE] : [];
  if (bankCases.length === 0) console.log('left out: the bank’s sample order file, because ../shared/data is not there');
  for (const path of bankCases) {
    it('a bank’s own sample says seven payments and has eight, two of them with an IBAN that fails its check', () => {
      const bytes = new Uint8Array(readFileSync(path));
      assert.equal(
        codeOf(() => parsePain001(bytes)),
        'payments/count-mismatch',
      );
      const file = parsePain001(bytes, ['payments/count-mismatch']);
      assert.deepEqual([file.version, file.count, file.declaredCount, file.controlSum, file.groups.length], ['03', 8, 7, '38', 5]);
      assert.deepEqual(
        file.payments.map(({ defects }) => defects.map(({ code }) => code)),
        [[], [], [], [], ['payments/bad-iban'], ['payments/bad-iban'], [], []],
      );
      assert.deepEqual(file.payments[1]?.creditorAccount, { scheme: 'other', id: '014295803' });
      assert.deepEqual(file.payments[5]?.creditor, { name: 'Maria Bernasconi', country: 'IT', addressLines: ['Via 10', 'Florenz'] });
    });
  }
});
