import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { XmlDocument } from 'libxml2-wasm';
import { Problem, utf8 } from '#base';
import { validateXsd } from '#payments';
import { parsePain001 } from '#payments/core';
import { loadExample } from '../../../scripts/example/example.ts';
import { SOUND } from '../malformed.ts';

const ISO_XSD = fileURLToPath(new URL('../../../../shared/data/iso20022/xsd/pain.001.001.09.xsd', import.meta.url));
const SMALL_XSD = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="sum"><xs:simpleType><xs:restriction base="xs:decimal"><xs:minInclusive value="0"/></xs:restriction></xs:simpleType></xs:element></xs:schema>`;

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.code;
    throw thrown;
  }
  return 'valid';
}

describe('validation against an XSD', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cairn-xsd-'));
    writeFileSync(join(folder, 'small.xsd'), SMALL_XSD);
    writeFileSync(join(folder, 'broken.xsd'), '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a" type="missing"/></xs:schema>');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('passes what fits and names the lines that do not', () => {
    const path = join(folder, 'small.xsd');
    assert.equal(
      codeOf(() => validateXsd(utf8('<sum>1.5</sum>'), path)),
      'valid',
    );
    assert.throws(() => validateXsd(utf8('<sum>\n-1</sum>'), path), /payments\/schema-invalid: line \d+: Element 'sum'/);
    assert.equal(
      codeOf(() => validateXsd(utf8('<sum>1.5'), path)),
      'payments/malformed-xml',
    );
  });

  it('a schema that is missing or no schema is our operator’s mistake, not the merchant’s', () => {
    for (const name of ['nowhere.xsd', 'broken.xsd']) {
      assert.equal(
        codeOf(() => validateXsd(utf8('<sum>1</sum>'), join(folder, name))),
        'payments/schema-unusable',
      );
    }
  });

  it('no file of the host is read into the order', () => {
    const attack = '<!DOCTYPE sum [<!ENTITY x SYSTEM "file:///etc/hostname">]><sum>&x;</sum>';
    assert.equal(
      codeOf(() => validateXsd(utf8(attack), join(folder, 'small.xsd'))),
      'payments/doctype-refused',
    );
  });

  it('what our reader takes, libxml2 takes for well-formed too', () => {
    const marks = [
      '<',
      '>',
      '</',
      '/>',
      '"',
      "'",
      '&',
      '&#65;',
      '&#32;',
      '=',
      ' ',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '<![CDATA[]]>',
      '<?x ',
      '?>',
      '<Nm>',
      'é',
    ];
    const names = [
      'p:',
      ' p:a="1"',
      ' xmlns:p="u"',
      ' xmlns:p=""',
      ' xmlns:p="u" xmlns:q="u" p:a="1" q:a="2"',
      ' xmlns:xml="x"',
      ' xmlns:xmlns="u"',
      ' a:b:c="1"',
    ];
    // Anywhere, and more often where a tag ends, begins, or the document is over.
    const places = [SOUND.length, ...[...SOUND.matchAll(/>/g)].flatMap(({ index }) => [index, index + 1])];
    const spoiled = fc
      .tuple(
        fc.oneof(fc.nat(SOUND.length), fc.constantFrom(...places)),
        fc.array(fc.constantFrom(...marks, ...names), { maxLength: 3 }),
        fc.constantFrom(0, 0, 0, 1, 2),
      )
      .map(([at, inserted, cut]) => SOUND.slice(0, at) + inserted.join('') + SOUND.slice(at + cut));
    fc.assert(
      fc.property(spoiled, (text) => {
        if (codeOf(() => parsePain001(utf8(text))) !== 'valid') return;
        XmlDocument.fromString(text).dispose();
      }),
      { numRuns: 2_000 },
    );
  });

  const schemas = existsSync(ISO_XSD) ? [ISO_XSD] : [];
  if (schemas.length === 0) console.log('left out: the example’s order files against ISO’s own XSD, because ../shared/data is not there');
  for (const path of schemas) {
    it('the example’s orders of version .09 fit ISO’s own schema', () => {
      const orders = loadExample().orders.filter(({ bytes }) => parsePain001(bytes).version === '09');
      assert.equal(orders.length, 2);
      for (const { bytes } of orders) validateXsd(bytes, path);
      validateXsd(utf8(SOUND), path);
    });
  }
});
