import { createInterface } from 'node:readline/promises';
import { Problem } from '#base';

export type Values = Readonly<Record<string, string | boolean | undefined>>;

export function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** Who the commands talk to. */
export interface Terminal {
  say(line: string): void;
  /** A person's answer; null where there is nobody to ask. */
  ask(question: string): Promise<string | null>;
}

export const terminal: Terminal = {
  say: (line) => void process.stdout.write(`${line}\n`),
  ask: async (question) => {
    if (!process.stdin.isTTY) return null;
    const asking = createInterface({ input: process.stdin, output: process.stderr });
    return asking.question(question).finally(() => asking.close());
  },
};

/** After it was shown what is about to happen: a person's yes, or --yes where a program has asked one before. */
export async function confirm(values: Values, asked: Terminal, question: string): Promise<void> {
  if (values['yes'] === true) return;
  const answer = await asked.ask(`${question} Type yes: `);
  if (answer === null)
    throw new Problem('cli/bad-arguments', 'Nobody can be asked here, so nothing was signed: add --yes once you have read what it would do.');
  if (answer.trim() !== 'yes') throw new Problem('cli/stopped', 'Nothing was signed.');
}
