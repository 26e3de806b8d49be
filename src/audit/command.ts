import { readFileSync } from 'node:fs';
import { formatDecimal, Problem } from '#base';
import { verifyReceipt } from './verify.ts';

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Problem('cli/bad-file', `${file} cannot be read.`, {}, cause);
  }
}

/** cairn verify: 0 when the receipt holds; a Problem says why not. */
export async function verifyCommand(file: string, values: Readonly<Record<string, string | boolean | undefined>>): Promise<number> {
  const { rpc, json } = values;
  if (typeof rpc !== 'string') throw new Problem('cli/bad-arguments', 'verify needs --rpc URL: the endpoint you trust.');
  const { claims, finalBlock } = await verifyReceipt(readText(file), rpc);
  const { story, paid } = claims;
  const amount = `${formatDecimal(story.amount, story.decimals)} ${story.symbol}`;
  const facts = { payment: claims.payment, state: story.state, amount, payee: paid?.payee ?? null, transaction: paid?.transaction ?? null, finalBlock };
  process.stdout.write(
    json
      ? `${JSON.stringify(facts)}\n`
      : `The receipt holds: payment ${claims.payment} is ${story.state}, ${amount}${paid ? ` to ${paid.payee} in transaction ${paid.transaction}` : ''}.\n`,
  );
  return 0;
}
