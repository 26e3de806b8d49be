import { defineConfig } from 'hardhat/config';
import { SOLC_PATH, SOLC_SETTINGS, SOLC_VERSION } from './scripts/solc.ts';

export default defineConfig({
  solidity: {
    // The compiler inside the npm package: nothing is downloaded, on any machine.
    compilers: [{ version: SOLC_VERSION, path: SOLC_PATH, settings: SOLC_SETTINGS }],
  },
  paths: { tests: { solidity: './test/contracts' } },
  test: {
    solidity: {
      fsPermissions: { readDirectory: ['test/vectors'] },
      invariant: { runs: 32, depth: 64 },
    },
  },
});
