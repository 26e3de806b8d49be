#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { Problem } from '#base';
import { auditCommand, verifyCommand } from './command.ts';

/** cairn-verify: the auditor's two commands on their own, for a machine that has nothing else of ours. */
const HELP = `cairn-verify: check what a Cairn platform published against the chain, trusting no server.

  cairn-verify verify FILE --rpc URL [--vault ADDRESS] [--finality latest] [--json]
      Checks one receipt, or the proof of one entry, with nothing but the file and an RPC endpoint. Ends 0 when it holds, 1 with the reason when not.

  cairn-verify audit EXPORT --rpc URL [--vault ADDRESS] [--finality latest] [--merchants FILE] [--json]
      Replays the ledger and recomputes balances, leaves, roots, fees, windows and signatures, and compares them with the chain.
      Ends 0 when all agree; otherwise 1, naming each record, its batch and the contradiction.

  --rpc URL          an Ethereum JSON-RPC endpoint of your choice
  --vault ADDRESS    the vault as you know it; a file about another one is refused
  --finality latest  go by the newest block where the endpoint calls none final; a reorganisation can still take that back
  --merchants FILE   the merchants' keys as you know them: lines of "merchant-uuid 0xaddress"
  --json             the same for a program
`;

const OPTIONS = {
  rpc: { type: 'string' },
  vault: { type: 'string' },
  finality: { type: 'string' },
  merchants: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (cause) {
    throw new Problem('cli/bad-arguments', `${(cause as Error).message.split('. ')[0]!}.`, {}, cause);
  }
}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [name = 'help', file, ...more] = positionals;
  if (values.help || name === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (name !== 'verify' && name !== 'audit') throw new Problem('cli/unknown-command', `There is no command "${name.slice(0, 40)}"; it is verify or audit.`);
  if (file === undefined || more.length > 0) throw new Problem('cli/bad-arguments', `${name} takes one file.`);
  return name === 'verify' ? verifyCommand(file, values) : auditCommand(file, values);
}

/** One clear sentence with what to do; a bug of ours keeps its stack, because somebody has to find it. */
function complain(error: unknown): number {
  if (error instanceof Problem) {
    process.stderr.write(`cairn-verify: ${error.detail} ${error.definition.howToSolve} (${error.code})\n`);
    return ['cli/unknown-command', 'cli/bad-arguments', 'cli/bad-file'].includes(error.code) ? 2 : 1;
  }
  process.stderr.write(`cairn-verify: a bug of ours, nothing you did: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 70;
}

process.exitCode = await main(process.argv.slice(2)).catch(complain);
