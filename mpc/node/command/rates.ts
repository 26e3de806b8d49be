import { Problem, utf8 } from '#base';
import { bandsAround, readRateBands } from '../book/book.ts';
import { writeDurably } from '../files/files.ts';
import { read, readConfig } from './folder.ts';

/** Puts bands of rates in the place of the ones that the node goes by: a file of bands as it is, or bands of `withinBps` around a file of rates {pivot, rates}. Without a file it shows them. */
export async function ratesCommand(folder: string, file: string | undefined, withinBps: number | undefined, tell: (line: string) => void): Promise<number> {
  const { book } = await readConfig(folder, 'partial');
  const path = book?.ratesFile;
  if (!path) throw new Problem('node/bad-config', 'node.json names no file of rates (book.ratesFile), so this node takes any.');
  if (file === undefined) {
    const { pivot, bands } = readRateBands(await read(path));
    for (const [currency, { low, high }] of bands) tell(`${currency} ${low} to ${high} ${pivot}`);
    return 0;
  }
  const given = await read(file);
  const text = withinBps === undefined ? given : bandsAround(ratesOf(given), withinBps);
  const { bands } = readRateBands(text);
  await writeDurably(path, utf8(text));
  tell(`${bands.size} bands are in ${path}; a node that runs takes them up within seconds, and its log says so`);
  return 0;
}

function ratesOf(text: string): Parameters<typeof bandsAround>[0] {
  const { pivot, rates } = objectOf(text);
  const isTable = typeof rates === 'object' && rates !== null && Object.values(rates).every((rate) => typeof rate === 'string');
  if (typeof pivot !== 'string' || !isTable) throw new Problem('decision/bad-registry', 'The file is none of rates: {pivot, rates: {EUR: "1.0852"}}.');
  return { pivot, rates: rates as Readonly<Record<string, string>> };
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) ?? {}) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new Problem('decision/bad-registry', 'The file is no JSON.', {}, cause);
  }
}
