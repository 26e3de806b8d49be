import { readFileSync, writeFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';
import { assert } from '#base';

// Compiles the keccak kernel into src/anchor/kernel/wasm.ts; `--check` ends 1 if the committed one is not what the compiler makes of the source now.
const SOURCE = new URL('../src/anchor/kernel/keccak.as', import.meta.url);
const TARGET = new URL('../src/anchor/kernel/wasm.ts', import.meta.url);

// The compiler knows sources by the ending .ts; ours has another, so that TypeScript does not take it for its own.
const files: Record<string, string> = { 'keccak.ts': readFileSync(SOURCE, 'utf8') };
let wasm: Uint8Array | undefined;
const { error } = await asc.main(['keccak.ts', '--outFile', 'keccak.wasm', '-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--converge'], {
  readFile: (name) => files[name] ?? null,
  writeFile: (name, content) => {
    if (name === 'keccak.wasm') wasm = content as Uint8Array;
  },
  listFiles: () => [],
});
assert(error === null && wasm, `the kernel does not compile: ${error?.message}`);
const base64 = Buffer.from(wasm).toString('base64');
const text = `/** The compiled keccak kernel, as base64 so that it travels wherever JavaScript does: made from keccak.as by scripts/kernel.ts, and compared by a test. */
export const KERNEL_WASM =
  '${base64}';
`;
if (!process.argv.includes('--check')) {
  writeFileSync(TARGET, text);
  console.log(`wrote ${wasm.length} bytes of WebAssembly`);
} else if (readFileSync(TARGET, 'utf8') !== text) {
  console.error('src/anchor/kernel/wasm.ts is not what keccak.as compiles to: run node scripts/kernel.ts');
  process.exitCode = 1;
}
