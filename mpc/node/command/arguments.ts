/** What every command of `cairn node` is made of. */
import type { ParseArgsConfig } from 'node:util';
import { Problem } from '#base';
import { ROLES } from '#custody/intents';
import { holdCeremony, openDesk } from './desk.ts';

export type Values = Readonly<Record<string, string | boolean | undefined>>;

export interface Command {
  readonly summary: string;
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** How many words it takes beside its options, at least and at most. */
  readonly words: readonly [number, number];
  /** Returns the exit code. */
  readonly run: (values: Values, words: readonly string[]) => Promise<number>;
}

export const FOLDER = { folder: { type: 'string' } } as const;
export const FOLDER_HELP = '  --folder DIR       the data folder of the node';

export function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function needed(values: Values, name: string): string {
  const value = values[name];
  if (typeof value !== 'string' || value === '') throw new Problem('cli/bad-arguments', `--${name} is missing.`);
  return value;
}

export function whole(values: Values, name: string): number {
  const text = needed(values, name);
  if (!/^\d{1,9}$/.test(text)) throw new Problem('cli/bad-arguments', `--${name} is no whole number.`);
  return Number(text);
}

export function roleOf(word: string | undefined): string {
  if (!ROLES.includes(word as never)) throw new Problem('cli/bad-arguments', `A key is one of ${ROLES.join(', ')}.`);
  return word!;
}

export async function ceremony(values: Values, what: Readonly<Record<string, unknown>>): Promise<number> {
  const desk = await openDesk(needed(values, 'folder'));
  try {
    await holdCeremony(desk, what, tell);
  } finally {
    desk.close();
  }
  return 0;
}
