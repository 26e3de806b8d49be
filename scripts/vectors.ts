import { readFileSync, writeFileSync } from 'node:fs';
import { bookVectors } from './vectors/books.ts';
import { proofVectors } from './vectors/proofs.ts';
import { recordVectors } from './vectors/records.ts';
import { signedVectors } from './vectors/signed.ts';

// Writes test/vectors/*.json, which TypeScript and Solidity both test against; `--check` ends 1 if any file differs from what the code makes now.
// A change of one of them is a change of a format that others verify by: docs/formats.md has to change with it.
const folder = new URL('../test/vectors/', import.meta.url);
const isCheck = process.argv.includes('--check');
for (const [name, content] of Object.entries({ ...recordVectors(), ...proofVectors(), ...bookVectors(), ...signedVectors() })) {
  const text = `${JSON.stringify(content, null, 1)}\n`;
  const file = new URL(name, folder);
  if (!isCheck) {
    writeFileSync(file, text);
  } else if (readFileSync(file, 'utf8') !== text) {
    console.error(`test/vectors/${name} is not what the code makes: run node scripts/vectors.ts and read the difference`);
    process.exitCode = 1;
  }
}
