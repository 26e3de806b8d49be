import { assert } from '#base';
import { ANCHOR_REFERENCES, anchorAt, anchorFromEmpty, deployAnchor, floor, referenceAnchors, type Spread } from './gas/anchors.ts';
import { anchorBooks, ANCHORS, BATCH } from './gas/books.ts';
import { contracts, openEvm, type Compiled, type Deployed, type Evm } from './gas/evm.ts';
import {
  deployReference,
  marginal,
  payGas,
  payments,
  PAYOUT_REFERENCES,
  referenceGas,
  setScene,
  USUAL,
  type Depth,
  type Line,
  type Scene,
} from './gas/payouts.ts';
import { verificationGas } from './gas/verification.ts';

export const title = 'Gas';

const SIZES = [10, 100, 255] as const;

function number(value: bigint): string {
  return value.toLocaleString('en-US');
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map((_, index) => (index === 0 ? '--' : '--:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

async function anchorTable(evm: Evm, contract: (name: string) => Compiled): Promise<string> {
  const anchor = await deployAnchor(evm, contract('LedgerAnchor'));
  const small = await anchorFromEmpty(evm, anchor, 1024);
  const million = Array.from({ length: 64 }, (_, index) => 1_000_000n + BigInt(index) * 757n);
  const large = await anchorAt(evm, anchor, [...million, (1n << 20n) - 1n]);
  const row = (name: string, { average, worst }: Spread): string[] => [name, number(average), number(worst)];
  const references = [];
  for (const [name, what] of ANCHOR_REFERENCES) references.push(row(what, await referenceAnchors(evm, contract, name, 64)));
  const bare = await floor(evm);
  return table(
    ['whole transaction', 'average', 'worst'],
    [
      row('floor: a transaction that carries 32 bytes', { average: bare, worst: bare }),
      ...references.slice(0, 2),
      row('**LedgerAnchor**, anchors 1 to 1,024', small),
      row('LedgerAnchor around the 1,000,000th anchor (worst: 2^20 - 1, all twenty peaks merge)', large),
      ...references.slice(2),
    ],
  );
}

const BOOKS = [1, 10, 100] as const;

/** The contract sees one leaf however many books are under it: what grows with them is the way from a book's record up to it. */
async function booksTable(evm: Evm, contract: (name: string) => Compiled): Promise<string> {
  const rows: string[][] = [];
  for (const count of BOOKS) {
    const { books, anchor, anchorBytes, proofBytes, view } = await anchorBooks(evm, contract, count);
    const row = [number(anchor.average), number(anchor.worst), number(anchor.average / BigInt(books)), number(BigInt(anchorBytes)), number(BigInt(proofBytes))];
    rows.push([`${books}`, ...row, `${number(view.average)} / ${number(view.worst)}`]);
  }
  return [
    `One transaction anchors the next batch of every book, ${ANCHORS} times from the empty log on; then a record of each book, among ${BATCH} of its batch and in the last anchor but one, is proven to the contract by one call of \`verifyRecord\`.`,
    '',
    table(
      ['books an anchor', 'gas, average', 'worst', '**gas a book**', 'call data, bytes', 'call data of a proof, bytes', 'gas of the view, average / worst'],
      rows,
    ),
  ].join('\n');
}

/** Gas of lists of these sizes: first to payees who never held the token, then to the same payees again. */
async function measureSizes(
  label: string,
  sizes: readonly number[],
  pay: (size: number, label: string) => Promise<bigint>,
): Promise<ReadonlyMap<number, Line>> {
  const lines = new Map<number, Line>();
  for (const size of sizes) lines.set(size, { fresh: await pay(size, `${label} ${size}`), existing: await pay(size, `${label} ${size}`) });
  return lines;
}

function fixed(lines: ReadonlyMap<number, Line>, size: number, perPayee: Line): bigint {
  return lines.get(size)!.existing - BigInt(size) * perPayee.existing;
}

async function payoutTables(evm: Evm, contract: (name: string) => Compiled): Promise<string> {
  const plain = await evm.deploy(contract('PlainToken'), []);
  const scene = await setScene(evm, contract, plain);
  let index = 0;
  const vaultPays = (at: Scene, depth: Depth) => (size: number, label: string) => payGas(evm, at, payments(label, size), index++, depth);
  // The first payment of a day opens the day's slot and the first of a token the vault's: not part of what every payout costs.
  await vaultPays(scene, USUAL)(1, 'first');
  const ours = await measureSizes('vault', SIZES, vaultPays(scene, USUAL));

  const lines = new Map<string, ReadonlyMap<number, Line>>();
  for (const name of PAYOUT_REFERENCES) {
    const reference = await deployReference(evm, contract, name, plain);
    await referenceGas(reference, name, plain, payments('first', 1), index++);
    lines.set(name, await measureSizes(name, [...SIZES, 500], (size, label) => referenceGas(reference, name, plain, payments(label, size), index++)));
  }
  const single = await measureSizes('single', [1], (_, label) => singleTransfer(plain, label));

  const each = (line: Line | undefined, size: number): string => (line ? `${number(line.fresh / BigInt(size))} / ${number(line.existing / BigInt(size))}` : '');
  const row = (name: string, measured: ReadonlyMap<number, Line>): string[] => [name, ...[10, 100, 255, 500].map((size) => each(measured.get(size), size))];
  const byName = (name: (typeof PAYOUT_REFERENCES)[number]): ReadonlyMap<number, Line> => lines.get(name)!;
  const packedLines = byName('PackedPayout');
  const [oursEach, packedEach] = [marginal(ours, 10, 255), marginal(packedLines, 10, 255)];
  const packed500 = packedLines.get(500)!;
  const packedFixed = fixed(packedLines, 255, packedEach);
  const ratio = (one: bigint, other: bigint): string => (Number(one) / Number(other)).toFixed(3);

  const stablecoin = await evm.deploy(contract('TestStablecoin'), ['gas', 'GAS', 6, evm.account]);
  const second = await setScene(evm, contract, stablecoin);
  await vaultPays(second, USUAL)(1, 'first');
  const real = marginal(await measureSizes('stablecoin', [10, 255], vaultPays(second, USUAL)), 10, 255);

  return [
    table(
      ['gas a payee, fresh / existing holder', '10 a transaction', '100', '255', '500'],
      [
        ['single transfer transaction', each(single.get(1), 1), '', '', ''],
        row('Disperse-like', byName('Disperse')),
        row('MultiSend-like (without the Safe around it)', byName('MultiSend')),
        row('packed words and bitmap, no proof, signature or caps', packedLines),
        row('**SettlementVault**, at most 255', ours),
      ],
    ),
    '',
    table(
      ['', 'fresh', 'existing'],
      [
        ['marginal gas a payee, SettlementVault (from 10 to 255)', number(oursEach.fresh), number(oursEach.existing)],
        ['the packed reference at 500, all of it divided by 500', number(packed500.fresh / 500n), number(packed500.existing / 500n)],
        ['ratio (target: at most 1.03)', ratio(oursEach.fresh, packed500.fresh / 500n), ratio(oursEach.existing, packed500.existing / 500n)],
        ['marginal with a stablecoin that has pause and block list', number(real.fresh), number(real.existing)],
      ],
    ),
    '',
    'Fixed cost of a payout, without the payees. What the packed reference pays too is the transaction itself, the slot of its bitmap and the first access to the token; the rest is proof, signature and caps (target: at most 40,000). Its largest part is the calldata of the hashes. The record is proven right after its anchor, with one more in between.',
    '',
    table(['depth of the record', 'hashes', 'in all', 'proof, signature and caps'], await fixedRows(scene, oursEach, packedFixed, vaultPays)),
  ].join('\n');
}

function singleTransfer(token: Deployed, label: string): Promise<bigint> {
  const [payment] = payments(label, 1);
  assert(payment, 'one payment');
  return token.gas('transfer', [payment.payee, payment.amount]);
}

const DEPTHS: readonly Depth[] = [
  { batch: 16, books: 1, anchors: 100 },
  USUAL,
  { batch: 1024, books: 4, anchors: 1000 },
  { batch: 4096, books: 16, anchors: 16_383 },
];

async function fixedRows(
  scene: Scene,
  each: Line,
  packedFixed: bigint,
  pays: (at: Scene, depth: Depth) => (size: number, label: string) => Promise<bigint>,
): Promise<string[][]> {
  await pays(scene, USUAL)(10, 'depths');
  const rows = [];
  for (const depth of DEPTHS) {
    const all = (await pays(scene, depth)(10, 'depths')) - 10n * each.existing;
    const { batch, books, anchors } = depth;
    const name = `batch of ${number(BigInt(batch))}, ${books} ${books === 1 ? 'book' : 'books'}, ${number(BigInt(anchors))} anchors`;
    const hashes = Math.log2(batch) + Math.log2(books) + peaksOf(anchors) + peakHeight(anchors - 2, anchors);
    rows.push([
      depth === USUAL ? `**${name}**` : name,
      String(hashes),
      number(all),
      depth === USUAL ? `**${number(all - packedFixed)}**` : number(all - packedFixed),
    ]);
  }
  return rows;
}

/** Peaks of a log of this many leaves. */
function peaksOf(count: number): number {
  return count.toString(2).replaceAll('0', '').length;
}

/** Height of the peak over a leaf: the highest bit in which its index and the count differ. */
function peakHeight(index: number, count: number): number {
  return 31 - Math.clz32(index ^ count);
}

function verificationTable(gas: Readonly<Record<string, bigint>>): string {
  const of = (what: string): string => number(gas[what] ?? 0n);
  return [
    table(
      ['inclusion at depth', '10', '20', '30'],
      [
        ['OpenZeppelin MerkleProof (sorted pairs: no position)', of('sorted pairs 10'), of('sorted pairs 20'), of('sorted pairs 30')],
        ['**RFC 9162, directed**', of('inclusion 10'), of('inclusion 20'), of('inclusion 30')],
      ],
    ),
    '',
    `Consistency of 1,000,000 with 1,001,000 leaves: ${of('consistency')}. A record among 2^20 of its batch up to a log of 16,383 anchors: ${of('whole way')}.`,
  ].join('\n');
}

export async function run(): Promise<string> {
  const evm = await openEvm();
  try {
    const contract = contracts();
    const [anchoring, payouts, verification] = [
      await anchorTable(evm, contract),
      await payoutTables(evm, contract),
      verificationTable(await verificationGas(evm, contract)),
    ];
    return [
      'Whole-transaction gas of the deployed bytecode (solc 0.8.37, optimizer 1,000,000 runs, target Cancun) on an Osaka EVM; gas is the same on every machine. Nobody else’s numbers are copied: the references are in `contracts/mocks`, each the least that its design can do.',
      '### Anchoring',
      anchoring,
      '### Anchoring many books',
      // Measured last: contracts that are deployed before others change their addresses, and so by a little what their calldata costs.
      await booksTable(evm, contract),
      '### Payouts',
      payouts,
      '### Verification',
      verification,
    ].join('\n\n');
  } finally {
    await evm.close();
  }
}
