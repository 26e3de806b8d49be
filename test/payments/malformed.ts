import { utf8, type ProblemCode } from '#base';

/** A well-formed order of two payments, and every way to break it that the reader must name. Whoever takes orders runs the same table against a real ledger. */

export const NAMESPACE_09 = 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.09';
export const NAMESPACE_03 = 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.03';

export const SOUND = `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="${NAMESPACE_09}"><CstmrCdtTrfInitn>
<GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-11-20T09:12:44+01:00</CreDtTm><NbOfTxs>2</NbOfTxs><CtrlSum>110.50</CtrlSum><InitgPty><Nm>Alpine Optics AG</Nm></InitgPty></GrpHdr>
<PmtInf><PmtInfId>P-1</PmtInfId><PmtMtd>TRF</PmtMtd><NbOfTxs>2</NbOfTxs><CtrlSum>110.50</CtrlSum><ReqdExctnDt><Dt>2026-11-24</Dt></ReqdExctnDt>
<Dbtr><Nm>Alpine Optics AG</Nm></Dbtr><DbtrAcct><Id><IBAN>CH9300762011623852957</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BICFI>EXAMCHZZ</BICFI></FinInstnId></DbtrAgt>
<CdtTrfTxInf><PmtId><EndToEndId>E-1</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">100.00</InstdAmt></Amt><Cdtr><Nm>Soci&#233;t&#xE9; Lumi&#232;re &amp; Cie</Nm></Cdtr><CdtrAcct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id></CdtrAcct></CdtTrfTxInf>
<CdtTrfTxInf><PmtId><EndToEndId>E-2</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">10.50</InstdAmt></Amt><Cdtr><Nm>Linse KG</Nm></Cdtr><CdtrAcct><Id><IBAN>AT611904300234573201</IBAN></Id></CdtrAcct></CdtTrfTxInf>
</PmtInf></CstmrCdtTrfInitn></Document>
`;

export interface MalformedFile {
  readonly what: string;
  readonly code: ProblemCode;
  readonly bytes: Uint8Array;
}

/** Replaces the first occurrence; a replacement that changes nothing would be a row that tests nothing, which the suite checks. */
function broken(what: string, code: ProblemCode, from: string | RegExp, to: string): MalformedFile {
  return { what, code, bytes: utf8(SOUND.replace(from, () => to)) };
}

function raw(what: string, code: ProblemCode, text: string | Uint8Array): MalformedFile {
  return { what, code, bytes: typeof text === 'string' ? utf8(text) : text };
}

function utf16be(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf16le').swap16());
}

const LATIN1 = new Uint8Array(Buffer.from(SOUND.replace('Linse KG', 'Linse Söhne'), 'latin1'));
const FIRST_AMOUNT = '<InstdAmt Ccy="EUR">100.00</InstdAmt>';

/** Each refuses the whole file. */
export const MALFORMED_FILES: readonly MalformedFile[] = [
  raw('an empty file', 'payments/malformed-xml', ''),
  raw('a file that is no XML', 'payments/malformed-xml', 'MsgId;Amount\nM-1;100.00\n'),
  raw('JSON', 'payments/malformed-xml', '{"payments":[]}'),
  raw('a file cut off on its way', 'payments/malformed-xml', SOUND.slice(0, 900)),
  raw('two document elements', 'payments/malformed-xml', SOUND + SOUND.slice(SOUND.indexOf('<Document'))),
  broken('tags that cross', 'payments/malformed-xml', '</Nm></InitgPty>', '</InitgPty></Nm>'),
  broken('a bare ampersand', 'payments/malformed-xml', 'Linse KG', 'Linse & KG'),
  broken('an entity nobody declared', 'payments/malformed-xml', 'Linse KG', 'Linse &nbsp; KG'),
  broken('a reference to character zero', 'payments/malformed-xml', 'Linse KG', 'Linse&#0;KG'),
  broken('a control character', 'payments/malformed-xml', 'Linse KG', 'Linse\u0007KG'),
  broken('an attribute twice', 'payments/malformed-xml', 'Ccy="EUR"', 'Ccy="EUR" Ccy="USD"'),
  broken('a prefix that is not declared', 'payments/malformed-xml', '<MsgId>M-1</MsgId>', '<x:MsgId>M-1</x:MsgId>'),
  broken('an attribute’s prefix that is not declared', 'payments/malformed-xml', 'Ccy="EUR"', 'p:a="1" Ccy="EUR"'),
  broken('a prefix declared to be nothing', 'payments/malformed-xml', '<InitgPty>', '<InitgPty xmlns:p="">'),
  broken(
    'an attribute twice, under two prefixes of one namespace',
    'payments/malformed-xml',
    '<InitgPty>',
    '<InitgPty xmlns:p="u" xmlns:q="u" p:a="1" q:a="2">',
  ),
  broken('the prefix xml bound anew', 'payments/malformed-xml', '<InitgPty>', '<InitgPty xmlns:xml="u">'),
  raw('character data behind the document element', 'payments/malformed-xml', `${SOUND}<![CDATA[]]>`),
  broken('character data before the document element', 'payments/malformed-xml', '<Document', '<![CDATA[]]><Document'),
  raw('a reference behind the document element', 'payments/malformed-xml', `${SOUND}&#32;`),
  broken('text between elements', 'payments/malformed-xml', '<PmtInfId>', 'pay twice <PmtInfId>'),
  broken('an element named like a property of every object', 'payments/malformed-xml', '<InitgPty>', '<__proto__></__proto__><InitgPty>'),
  broken('a document type', 'payments/doctype-refused', '<Document', '<!DOCTYPE Document>\n<Document'),
  raw(
    'entities that grow tenfold at each level',
    'payments/doctype-refused',
    SOUND.replace('<Document', '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>\n<Document').replace('Linse KG', '&b;'),
  ),
  raw('an external entity', 'payments/doctype-refused', SOUND.replace('<Document', '<!doctype d [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<Document')),
  broken('elements nested a hundred deep', 'payments/xml-too-deep', '<InitgPty>', `${'<a>'.repeat(100)}${'</a>'.repeat(100)}<InitgPty>`),
  raw('more than sixteen megabytes', 'payments/file-too-large', new Uint8Array(16 * 1024 * 1024 + 1).fill(0x20)),
  raw('a tag with a thousand attributes', 'payments/malformed-xml', `<a ${Array.from({ length: 1000 }, (_, i) => `a${i}="1"`).join(' ')}/>`),
  raw('three million empty elements', 'payments/file-too-large', `<a>${'<b/>'.repeat(3_000_000)}</a>`),
  raw('bytes that are not the UTF-8 it declares', 'payments/unsupported-encoding', LATIN1),
  raw('half a character of UTF-16', 'payments/unsupported-encoding', new Uint8Array([0xfe, 0xff, ...utf16be('<Document/>'), 0xd8])),
  broken('an encoding we do not read', 'payments/unsupported-encoding', 'encoding="UTF-8"', 'encoding="EBCDIC-CP-US"'),
  raw('UTF-16 that calls itself UTF-8', 'payments/unsupported-encoding', utf16be(SOUND)),
  broken('a message of another kind', 'payments/unsupported-message', NAMESPACE_09, 'urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08'),
  broken('a version we do not read', 'payments/unsupported-message', NAMESPACE_09, 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.02'),
  broken('a namespace that only ends like ours', 'payments/unsupported-message', NAMESPACE_09, 'urn:evilpain.001.001.09'),
  broken('no namespace at all', 'payments/unsupported-message', ` xmlns="${NAMESPACE_09}"`, ''),
  broken('an element of a stranger’s namespace', 'payments/bad-element', '<MsgId>M-1</MsgId>', '<MsgId xmlns="urn:other">M-1</MsgId>'),
  broken('no message', 'payments/missing-element', /<CstmrCdtTrfInitn>.*<\/CstmrCdtTrfInitn>/s, ''),
  broken('no group header', 'payments/missing-element', /<GrpHdr>.*<\/GrpHdr>/s, ''),
  broken('no message id', 'payments/missing-element', '<MsgId>M-1</MsgId>', ''),
  broken('an empty message id', 'payments/bad-element', '<MsgId>M-1</MsgId>', '<MsgId> </MsgId>'),
  broken('a message id of 36 characters', 'payments/bad-element', '<MsgId>M-1<', `<MsgId>${'M'.repeat(36)}<`),
  broken('two group headers', 'payments/repeated-element', '<PmtInf>', '<GrpHdr/><PmtInf>'),
  broken('no payment information', 'payments/missing-element', /<PmtInf>.*<\/PmtInf>/s, ''),
  broken('a group without a payment', 'payments/missing-element', /<CdtTrfTxInf>.*<\/CdtTrfTxInf>/s, ''),
  broken('no creation time', 'payments/missing-element', /<CreDtTm>.*<\/CreDtTm>/, ''),
  broken('a creation time on the 30th of February', 'payments/bad-element', '2026-11-20T', '2026-02-30T'),
  broken('an execution date that is none', 'payments/bad-element', '<Dt>2026-11-24</Dt>', '<Dt>tomorrow</Dt>'),
  broken('no execution date', 'payments/missing-element', /<ReqdExctnDt>.*<\/ReqdExctnDt>/, ''),
  broken('no count', 'payments/missing-element', '<NbOfTxs>2</NbOfTxs><CtrlSum>110.50</CtrlSum><InitgPty>', '<CtrlSum>110.50</CtrlSum><InitgPty>'),
  broken('a count that is no number', 'payments/bad-element', '<NbOfTxs>2</NbOfTxs>', '<NbOfTxs>two</NbOfTxs>'),
  broken('a count one too high', 'payments/count-mismatch', '<NbOfTxs>2</NbOfTxs>', '<NbOfTxs>3</NbOfTxs>'),
  broken('a group’s count one too low', 'payments/count-mismatch', '<PmtMtd>TRF</PmtMtd><NbOfTxs>2<', '<PmtMtd>TRF</PmtMtd><NbOfTxs>1<'),
  broken('a control sum a cent off', 'payments/control-sum-mismatch', '<CtrlSum>110.50</CtrlSum>', '<CtrlSum>110.51</CtrlSum>'),
  broken(
    'a group’s control sum a cent off',
    'payments/control-sum-mismatch',
    '<NbOfTxs>2</NbOfTxs><CtrlSum>110.50</CtrlSum><Reqd',
    '<NbOfTxs>2</NbOfTxs><CtrlSum>110.49</CtrlSum><Reqd',
  ),
  broken('a control sum with a minus', 'payments/bad-element', '<CtrlSum>110.50</CtrlSum>', '<CtrlSum>-110.50</CtrlSum>'),
  broken('an amount changed on the way', 'payments/control-sum-mismatch', '>100.00<', '>900.00<'),
  broken('an amount with an exponent', 'payments/bad-element', '>100.00<', '>1e2<'),
  broken('an amount with a comma', 'payments/bad-element', '>100.00<', '>100,00<'),
  broken('a negative amount', 'payments/bad-element', '>100.00<', '>-100.00<'),
  broken('an amount of six decimals', 'payments/bad-element', '>100.00<', '>100.000001<'),
  broken('an amount of nineteen digits', 'payments/bad-element', '>100.00<', '>1234567890123456789<'),
  broken('an amount in Arabic-Indic digits', 'payments/bad-element', '>100.00<', '>١٠٠<'),
  broken('no amount', 'payments/missing-element', `<Amt>${FIRST_AMOUNT}</Amt>`, ''),
  broken('two amounts', 'payments/repeated-element', FIRST_AMOUNT, FIRST_AMOUNT + FIRST_AMOUNT),
  broken(
    'an instructed and an equivalent amount',
    'payments/bad-element',
    FIRST_AMOUNT,
    `${FIRST_AMOUNT}<EqvtAmt><Amt Ccy="CHF">1</Amt><CcyOfTrf>EUR</CcyOfTrf></EqvtAmt>`,
  ),
  broken('an amount without a currency', 'payments/bad-element', ' Ccy="EUR"', ''),
  broken('a currency in small letters', 'payments/bad-element', 'Ccy="EUR"', 'Ccy="eur"'),
  broken('no end-to-end id', 'payments/missing-element', '<EndToEndId>E-1</EndToEndId>', ''),
  broken('an unknown payment method', 'payments/bad-element', '<PmtMtd>TRF</PmtMtd>', '<PmtMtd>CASH</PmtMtd>'),
  broken('no debtor account', 'payments/missing-element', /<DbtrAcct>.*<\/DbtrAcct>/, ''),
  broken('a debtor account without an id', 'payments/missing-element', '<Id><IBAN>CH9300762011623852957</IBAN></Id>', '<Id/>'),
  broken('a creditor with two names', 'payments/repeated-element', '<Nm>Linse KG</Nm>', '<Nm>Linse KG</Nm><Nm>Lupe KG</Nm>'),
  broken('a name of 141 characters', 'payments/bad-element', 'Linse KG', 'L'.repeat(141)),
  broken('a country of three letters', 'payments/bad-element', '<Nm>Linse KG</Nm>', '<Nm>Linse KG</Nm><PstlAdr><Ctry>AUT</Ctry></PstlAdr>'),
];

/** Each refuses the first payment (the second, where it says so) and leaves the other. */
export interface DefectivePayment extends MalformedFile {
  readonly index: number;
}

function defective(what: string, code: ProblemCode, from: string, to: string, index = 0): DefectivePayment {
  return { ...broken(what, code, from, to), index };
}

const SECOND = SOUND.slice(SOUND.lastIndexOf('<CdtTrfTxInf>'), SOUND.lastIndexOf('\n</PmtInf>'));
const FIRST = SOUND.slice(SOUND.indexOf('<CdtTrfTxInf>'), SOUND.lastIndexOf('\n<CdtTrfTxInf>'));
const withFirstAmount = (xml: string, sum: string): string => SOUND.replace(FIRST_AMOUNT, xml).replaceAll('110.50', sum);

export const DEFECTIVE_PAYMENTS: readonly DefectivePayment[] = [
  { ...raw('an amount of zero', 'payments/zero-amount', withFirstAmount('<InstdAmt Ccy="EUR">0.00</InstdAmt>', '10.5')), index: 0 },
  { ...raw('a tenth of a cent', 'payments/too-many-decimals', withFirstAmount('<InstdAmt Ccy="EUR">100.001</InstdAmt>', '110.501')), index: 0 },
  { ...raw('half a yen', 'payments/too-many-decimals', withFirstAmount('<InstdAmt Ccy="JPY">100.5</InstdAmt>', '111')), index: 0 },
  { ...raw('a tenth of a fils', 'payments/too-many-decimals', withFirstAmount('<InstdAmt Ccy="KWD">1.0001</InstdAmt>', '11.5001')), index: 0 },
  defective('a currency nobody issues', 'payments/unknown-currency', 'Ccy="EUR">100', 'Ccy="EUX">100'),
  defective('gold', 'payments/unknown-currency', 'Ccy="EUR">100', 'Ccy="XAU">100'),
  defective('a currency that was withdrawn', 'payments/unknown-currency', 'Ccy="EUR">100', 'Ccy="DEM">100'),
  defective('an IBAN with a wrong check digit', 'payments/bad-iban', 'FR1420041010050500013M02606', 'FR1520041010050500013M02606'),
  defective('an IBAN one digit short', 'payments/bad-iban', 'AT611904300234573201', 'AT61190430023457320', 1),
  defective('a debtor’s IBAN with a wrong check digit', 'payments/bad-iban', 'CH9300762011623852957', 'CH9400762011623852957'),
  defective('a creditor without a name', 'payments/missing-creditor', '<Cdtr><Nm>Linse KG</Nm></Cdtr>', '<Cdtr/>', 1),
  defective('a creditor without an account', 'payments/missing-creditor-account', '<CdtrAcct><Id><IBAN>AT611904300234573201</IBAN></Id></CdtrAcct>', '', 1),
  defective(
    'a bank code that is none',
    'payments/bad-bic',
    '<Cdtr><Nm>Linse',
    '<CdtrAgt><FinInstnId><BICFI>NOTABIC</BICFI></FinInstnId></CdtrAgt><Cdtr><Nm>Linse',
    1,
  ),
  defective(
    'a reference that is no UUID of version 4',
    'payments/bad-uetr',
    '<EndToEndId>E-1<',
    '<UETR>018f0000-0000-7000-8000-000000000001</UETR><EndToEndId>E-1<',
  ),
  defective('a cheque', 'payments/method-not-supported', '<PmtMtd>TRF</PmtMtd>', '<PmtMtd>CHK</PmtMtd>'),
  defective('a cheque for one payment', 'payments/method-not-supported', '<Cdtr><Nm>Linse', '<ChqInstr/><Cdtr><Nm>Linse', 1),
  { ...raw('the same payment twice', 'payments/duplicate-payment', SOUND.replace(SECOND, FIRST).replaceAll('110.50', '200')), index: 1 },
];
