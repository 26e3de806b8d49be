import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PackageSpec } from './build.ts';

/** What others install. The name is scoped because `cairn` on npm belongs to somebody else. */
export const PACKAGES: readonly PackageSpec[] = [
  {
    name: '@cairn-ledger/verifier',
    description: 'Checks receipts and exports of a Cairn ledger against the chain, trusting no server.',
    entries: { '.': 'src/audit/audit.ts' },
    bin: { 'cairn-verify': 'src/audit/cli.ts' },
    allowed: ['@noble/curves', '@noble/hashes', '@noble/secp256k1', 'ethers', 'fast-xml-parser', 'ibantools'],
    readme: `
    npx cairn-verify verify RECEIPT --rpc URL
    npx cairn-verify audit EXPORT --rpc URL [--merchants FILE]

It needs the file and an Ethereum JSON-RPC endpoint of your choice, and asks nobody else. It ends 0 when everything agrees and 1 when not; \`--json\` gives the same facts to a program.
A receipt is about one payment; an export is a whole book, which is replayed and recomputed to the last entry. Everything that is hashed and signed is written down in the
platform's docs/formats.md, so that you can also check it with code of your own.

In a program: \`import { verifyReceipt, readExport, readChain, auditExport } from '@cairn-ledger/verifier'\`.
`,
  },
  {
    name: '@cairn-ledger/threshold',
    description: 'Threshold ECDSA on secp256k1 (DKLs23): key generation, signing, refresh, reshare and backup among n parties, as pure functions.',
    entries: { '.': 'mpc/protocol/protocol.ts' },
    // crypto.hash with outputLength came with 24.4.
    node: '>=24.4',
    allowed: ['@noble/curves', '@noble/hashes', '@noble/secp256k1'],
    readme: readFileSync(join(import.meta.dirname, 'threshold.md'), 'utf8'),
  },
];
