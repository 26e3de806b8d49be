import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Problem, utf8 } from '#base';
import { createScreener, parseBlockList, parseOfac, readBlockList, readOfacFolder } from '#risk';
import { loadExample } from '../../scripts/example/example.ts';

const REAL = fileURLToPath(new URL('../../../shared/data/sanctions', import.meta.url));
const NULLS = '-0- ,'.repeat(7);
const ROW = `36,"GREY ""HERON"", LTD.","individual","CUBA] [SDGT",${NULLS}"DOB 1970; a.k.a. 'THE BIRD'; Digital Currency Address - XBT 1BoatSLRHtKNngkdXEeobR76b53LETtpyT; alt. Digital Curr"`;

function sdn(...rows: readonly string[]): Uint8Array {
  return utf8(`${rows.join('\r\n')}\r\n\u001a`);
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.code;
    throw thrown;
  }
  return 'read';
}

const files = { sdn: sdn(ROW), alt: null, add: null, comments: null };

describe('OFAC’s list', () => {
  it('is read with its nulls, doubled quotes, line ends and the Ctrl-Z at its end', () => {
    const { entries, name } = parseOfac(files);
    assert.equal(name, 'ofac');
    assert.deepEqual(entries, [
      {
        list: 'ofac',
        id: '36',
        kind: 'individual',
        names: [
          { name: 'GREY "HERON", LTD.', source: 'primary' },
          { name: 'THE BIRD', source: 'weak alias' },
        ],
        addresses: ['1BoatSLRHtKNngkdXEeobR76b53LETtpyT'],
        country: null,
        reason: 'OFAC SDN (CUBA, SDGT)',
      },
    ]);
  });

  it('a remark goes on in the comments in the middle of a word', () => {
    const comments = utf8(`36,"ency Address - ETH 0xAbCdEf0123456789aBcDeF0123456789abcdef01; a.k.a. 'HERON TWO'."\n`);
    const [entry] = parseOfac({ ...files, comments }).entries;
    assert.deepEqual(entry?.addresses, ['0xabcdef0123456789abcdef0123456789abcdef01', '1BoatSLRHtKNngkdXEeobR76b53LETtpyT']);
    assert.equal(entry?.names.at(-1)?.name, 'HERON TWO');
  });

  it('other names belong to their entry, quoted ones are weak', () => {
    const alt = utf8('36,12,"aka","SILVER HERON",-0- \r\n36,13,"fka","""EGRET""",-0- \r\n');
    assert.deepEqual(parseOfac({ ...files, alt }).entries[0]?.names.slice(1, 3), [
      { name: 'SILVER HERON', source: 'alias' },
      { name: 'EGRET', source: 'weak alias' },
    ]);
  });

  it('names and addresses whose entry was lost on the way still bar', () => {
    const alt = utf8('99,1,"aka","LOST AND FOUND GROUP",-0- \r\n');
    const comments = utf8('98,"ETH 0x1111111111111111111111111111111111111111"\r\n');
    const screener = createScreener([parseOfac({ ...files, alt, comments })]);
    assert.equal(screener.screen({ name: 'Lost & Found Group', address: null, country: null }).decision, 'refuse');
    assert.equal(screener.screen({ name: 'Somebody Else', address: `0x${'11'.repeat(20)}`, country: null }).hits[0]?.entry, '98');
  });

  it('a list that parses to nothing is refused', () => {
    for (const empty of ['', '\u001a', '\r\n\r\n\u001a', '36,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n']) {
      assert.equal(
        codeOf(() => parseOfac({ ...files, sdn: utf8(empty) })),
        'risk/empty-list',
        JSON.stringify(empty),
      );
    }
    assert.equal(
      codeOf(() => createScreener([])),
      'risk/empty-list',
    );
    assert.equal(
      codeOf(() => createScreener([{ name: 'own', hash: '0x', entries: [] }])),
      'risk/empty-list',
    );
  });

  it('a list that is none is refused with the line', () => {
    for (const bad of ['<html>404</html>', 'name,of\nno,list', '36,"open', ROW.replace('36,', 'x,'), `${ROW}\r\n37,"CUT OFF`, '36,"A" B,1']) {
      assert.equal(
        codeOf(() => parseOfac({ ...files, sdn: utf8(bad) })),
        'risk/bad-list',
        bad,
      );
    }
  });

  it('its hash follows from every file', () => {
    const first = parseOfac(files).hash;
    const alt = utf8('36,12,"aka","SILVER HERON",-0- \r\n');
    assert.equal(parseOfac(files).hash, first);
    assert.notEqual(parseOfac({ ...files, alt }).hash, first);
    assert.notEqual(parseOfac({ ...files, add: alt }).hash, parseOfac({ ...files, alt }).hash);
  });

  it('the example’s fictitious list is read from its folder', () => {
    const { entries } = readOfacFolder(loadExample().sanctionsFolder);
    assert.equal(entries.length, 10);
    assert.equal(entries.find(({ id }) => id === '90009')?.names.at(-1)?.name, 'FALCON DAWN');
    assert.equal(entries.find(({ id }) => id === '90008')?.names[0]?.name, 'MARROWIND "BLUE" SYNDICATE');
  });

  it('a folder that is not there is refused, never taken for an empty list', () => {
    assert.equal(
      codeOf(() => readOfacFolder('/nowhere')),
      'risk/bad-list',
    );
  });

  const folders = existsSync(REAL) ? [REAL] : [];
  if (folders.length === 0) console.log('left out: reading OFAC’s real list, because ../shared/data is not there');
  for (const folder of folders) {
    it('the real one is read whole', () => {
      const { entries } = readOfacFolder(folder);
      assert.equal(entries.filter(({ names }) => names[0]?.source === 'primary').length, 7379);
      assert.ok(entries.reduce((sum, { names }) => sum + names.length, 0) > 18_000);
      assert.deepEqual(
        ['vessel', 'aircraft', 'individual'].map((kind) => entries.filter((entry) => entry.kind === kind).length),
        [323, 217, 3845],
      );
      assert.ok(entries.flatMap(({ addresses }) => addresses).includes('0x4736dcf1b7a3d580672cce6e7c65cd5cc9cfba9d'));
    });
  }
});

describe('our own block list', () => {
  const list = (...rows: readonly string[]): Uint8Array => utf8(['name,address,country,reason', ...rows].join('\n'));

  it('bars names, addresses and countries', () => {
    const address = `0x${'ab'.repeat(20)}`;
    const screener = createScreener([parseBlockList(list('"Quartzline Brokers, Ltd",,CY,Fraud', `,${address},,Phishing`, ',,KP,Embargo'))]);
    const decide = (name: string, at: string | null, country: string | null): string => screener.screen({ name, address: at, country }).decision;
    assert.equal(decide('QUARTZLINE BROKERS', null, null), 'refuse');
    assert.equal(decide('Quartzline Brokers', null, 'CY'), 'refuse');
    assert.equal(decide('Quartzline Brokers', null, 'SE'), 'clear');
    assert.equal(decide('Anna Kowalska', address.toUpperCase().replace('0X', '0x'), null), 'refuse');
    assert.equal(decide('Anna Kowalska', null, 'KP'), 'refuse');
    assert.equal(decide('Anna Kowalska', null, 'PL'), 'clear');
  });

  it('a row or header that says nothing or too much is refused with its line', () => {
    for (const row of [',,,nobody', 'a,0x12,,', 'a,,Cyprus,', 'a,b,c,d,e']) {
      assert.equal(
        codeOf(() => parseBlockList(list(row))),
        'risk/bad-list',
        row,
      );
    }
    assert.equal(
      codeOf(() => parseBlockList(utf8('who,why\na,b'))),
      'risk/bad-list',
    );
    assert.equal(
      codeOf(() => parseBlockList(list())),
      'risk/empty-list',
    );
  });

  it('the example’s is read from its file', () => {
    assert.equal(readBlockList(loadExample().blockListFile).entries.length, 3);
  });
});
