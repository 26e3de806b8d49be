import { readFileSync, writeFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';
import { assert } from '#base';

// Compiles each kernel into the wasm.ts beside it; `--check` ends 1 if a committed one is not what the compiler makes of the source now.
const KERNELS = [
  { folder: 'src/anchor/kernel', name: 'keccak' },
  { folder: 'mpc/protocol/kernel', name: 'vole' },
];
// The permutation that they share.
const PERMUTATION = readFileSync(new URL('../src/base/keccak.as', import.meta.url), 'utf8');

for (const { folder, name } of KERNELS) {
  const path = `${folder}/${name}`;
  const target = new URL(`../${folder}/wasm.ts`, import.meta.url);
  const wasm = await compiled(readFileSync(new URL(`../${path}.as`, import.meta.url), 'utf8'));
  const text = `/** The compiled ${name} kernel, as base64 so that it travels wherever JavaScript does: made from ${name}.as by scripts/kernel.ts, and compared by a test. */
export const KERNEL_WASM =
  '${Buffer.from(wasm).toString('base64')}';
`;
  if (!process.argv.includes('--check')) {
    writeFileSync(target, text);
    console.log(`${path}: wrote ${wasm.length} bytes of WebAssembly`);
  } else if (readFileSync(target, 'utf8') !== text) {
    console.error(`${path}.as compiles to something else than the wasm.ts beside it: run node scripts/kernel.ts`);
    process.exitCode = 1;
  }
}

async function compiled(source: string): Promise<Uint8Array> {
  // The compiler knows sources by the ending .ts; ours has another, so that TypeScript does not take it for its own.
  const files: Record<string, string> = { 'kernel.ts': source, 'permutation.ts': PERMUTATION };
  let wasm: Uint8Array | undefined;
  const { error } = await asc.main(['kernel.ts', '--outFile', 'kernel.wasm', '-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--converge'], {
    readFile: (name) => files[name] ?? null,
    writeFile: (name, content) => {
      if (name === 'kernel.wasm') wasm = content as Uint8Array;
    },
    listFiles: () => [],
  });
  assert(error === null && wasm, `the kernel does not compile: ${error?.message}`);
  return wasm;
}
