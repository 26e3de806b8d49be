import assert from 'node:assert/strict';
import fc from 'fast-check';
import { utf8 } from '#base';
import { createScreener, parseBlockList, readOfacFolder, REFUSE_AT, REVIEW_AT, type Screening } from '#risk';
import { NameIndex } from '../../src/risk/name-index.ts';
import { normaliseName } from '../../src/risk/normalise.ts';
import { scoreName } from '../../src/risk/score.ts';
import { jaroWinkler, wordSimilarity } from '../../src/risk/similarity.ts';
import { loadExample } from '../../scripts/example/example.ts';

const LIST = readOfacFolder(loadExample().sanctionsFolder);
const OWN = parseBlockList(utf8('name,address,country,reason\nHalcyon Invoice Services,,,Fraud\n'));
const screener = createScreener([OWN, LIST]);
const screen = (name: string, address: string | null = null): Screening => screener.screen({ name, address, country: null });

describe('a name as it is compared', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['Szkła Optyczne Żuraw sp. z o.o.', ['szkla', 'optyczne', 'zuraw']],
    ['İzmir İplik A.Ş.', ['izmir', 'iplik']],
    ["O'Brien & Söhne GmbH & Co. KG", ['obrien', 'sohne']],
    ['Große Straße AG', ['grosse', 'strasse']],
    ['OPERADORA DE REPOSTERIAS, S. de R.L. de C.V.', ['operadora', 'reposterias']],
    ['GREY HERON TRADING F.Z.E.', ['grey', 'heron', 'trading']],
    ['GREY HERON TRADING F Z E', ['grey', 'heron', 'trading']],
    ['Mehran Shipping Compnay Limted', ['mehran', 'shipping']],
    ['AL-ZAHRABI, Qasim bin Nuri', ['zahrabi', 'qasim', 'nuri']],
    ['Владимир Щукин', ['vladimir', 'shchukin']],
    ['S.A. de C.V.', ['sa', 'de', 'cv']],
    ['J. P. Morgan', ['jp', 'morgan']],
  ];
  for (const [name, words] of cases) it(`${name} is ${words.join(' ')}`, () => assert.deepEqual(normaliseName(name).words, words));

  it('what cannot be written in Latin letters cannot be compared', () => {
    assert.deepEqual(
      ['محمد', '中国银行', '', '???', 'Ltd 中国'].map((name) => normaliseName(name).isComparable),
      [false, false, false, false, false],
    );
  });
});

describe('the likeness of words', () => {
  it('is Jaro and Winkler’s, by their published examples', () => {
    const published: readonly (readonly [string, string, number])[] = [
      ['martha', 'marhta', 0.9611],
      ['dwayne', 'duane', 0.84],
      ['dixon', 'dicksonx', 0.8133],
    ];
    for (const [a, b, expected] of published) assert.equal(Math.round(jaroWinkler(a, b) * 1e4) / 1e4, expected);
    assert.equal(jaroWinkler('abc', 'xyz'), 0);
  });

  it('is the same both ways, 1 for the same word only, and never more', () => {
    const word = fc.stringMatching(/^[a-e]{1,9}$/);
    fc.assert(
      fc.property(word, word, (a, b) => {
        assert.equal(wordSimilarity(a, b), wordSimilarity(b, a));
        assert.equal(wordSimilarity(a, b) >= 1, a === b);
      }),
    );
  });

  it('spellings of one sound are alike, short words have to be the same', () => {
    assert.ok(wordSimilarity('mohammed', 'muhammad') >= 0.95);
    assert.equal(wordSimilarity('lee', 'leo'), 0);
    assert.ok(wordSimilarity('petropars', 'petrobras') < 0.94);
  });
});

describe('screening', () => {
  it('a listed name is refused whatever its order, accents, legal form or typing error', () => {
    for (const name of [
      'GREY HERON TRADING FZE',
      'Grey Heron Tradng F.Z.E.',
      'grey-heron trading',
      'Trading Grey Heron LLC',
      'Dmitrij Antonovich Volkovar',
      'VOLKÔVAR, Dimitri',
      'Banco del Ficticio',
      'Ostvik Shiping Lines',
      'Lyudmila P. Kestrevskaya Pavlovna',
    ]) {
      assert.equal(screen(name).decision, 'refuse', name);
    }
  });

  it('a person under fewer names, and the name of a ship or a nickname, are looked at', () => {
    for (const name of ['Dmitrij Volkovar', 'Sea Phantom', 'Nightjar', 'BDF']) assert.equal(screen(name).decision, 'review', name);
  });

  it('names in a script that cannot be compared are looked at, never cleared', () => {
    assert.equal(screen('中国银行').decision, 'review');
    assert.equal(screen('').decision, 'review');
  });

  it('a listed address is refused under any name and in any spelling', () => {
    const address = LIST.entries.flatMap(({ addresses }) => addresses).find((listed) => listed.startsWith('0x'))!;
    for (const spelling of [address, address.toUpperCase().replace('0X', '0x')]) {
      const { decision, hits } = screen('Anna Kowalska', spelling);
      assert.deepEqual([decision, hits[0]?.entry, hits[0]?.score], ['refuse', '90002', 10_000]);
    }
    assert.equal(screen('Anna Kowalska', `${address.slice(0, -1)}0`).decision, 'clear');
  });

  it('nobody of the example but those meant to be met is met', () => {
    const { payees, merchants } = loadExample();
    const met = [...payees, ...merchants].filter(({ name }) => screen(name).decision !== 'clear').map(({ name }) => name);
    assert.deepEqual(met, ['Grey Heron Tradng F.Z.E.']);
  });

  it('says why: list, entry, matched name, score and reason, the worst first', () => {
    assert.deepEqual(screen('Grey Heron Tradng F.Z.E.').hits[0], {
      list: 'ofac',
      entry: '90001',
      matched: 'GREY HERON TRADING FZE',
      score: 9900,
      decision: 'refuse',
      reason: 'OFAC SDN (FICTITIOUS-TRADE): primary name',
    });
  });

  it('the same question has the same answer, and other lists another hash', () => {
    const again = createScreener([OWN, LIST]);
    assert.deepEqual(again.screen({ name: 'Dmitrij Volkovar', address: null, country: null }), screen('Dmitrij Volkovar'));
    assert.notEqual(createScreener([LIST, OWN]).listHash, screener.listHash);
    assert.notEqual(createScreener([LIST]).listHash, screener.listHash);
  });

  it('the index leaves out nobody whom comparing with every name would have met', () => {
    const index = new NameIndex([...OWN.entries, ...LIST.entries]);
    const weightOf = (word: string): number => index.weightOf(word);
    const words = [...new Set(index.names.flatMap(({ comparable }) => comparable.words))];
    const spoil = fc
      .tuple(fc.constantFrom(...words), fc.nat(8), fc.constantFrom('', 'e', 'x'))
      .map(([word, at, put]) => word.slice(0, at) + put + word.slice(at + 1));
    const names = fc.array(fc.oneof(fc.constantFrom(...words), spoil), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(names, (picked) => {
        const subject = normaliseName(picked.join(' '));
        fc.pre(subject.isComparable);
        const all = index.names.filter((name) => scoreName(subject, name, weightOf) >= REVIEW_AT);
        const proposed = index.candidates(subject, (2 * REVIEW_AT) / 10_000 - 1).filter((name) => scoreName(subject, name, weightOf) >= REVIEW_AT);
        assert.deepEqual(proposed, all);
      }),
      { numRuns: 500 },
    );
  });

  it('the thresholds are in order', () => assert.ok(REVIEW_AT < REFUSE_AT && REFUSE_AT < 10_000));
});
