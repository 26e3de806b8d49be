/** What operators know from elsewhere than the platform: merchants' keys, and bands of rates. */
import { isHex, isUuid, Problem, utf8, type MerchantId, type TimeMs } from '#base';
import { bandsAround, readMerchants, readRateBands } from '../book/book.ts';
import { writeDurably } from '../files/files.ts';
import { read, readConfig } from './folder.ts';

interface MerchantsFile {
  readonly format: 'cairn-merchants/1';
  readonly merchants: readonly { readonly merchant: string; readonly keys: readonly { readonly key: string; readonly untilMs: number | null }[] }[];
}

/** Registers a key that a merchant told this node's operators himself, and ends the use of the one that it replaces; or lists what is registered. */
export async function merchantCommand(folder: string, [merchant, key]: readonly string[], nowMs: TimeMs, tell: (line: string) => void): Promise<number> {
  const { book } = await readConfig(folder, 'partial');
  if (!book) throw new Problem('node/bad-config', 'node.json names no book, and so no file of merchants.');
  const path = book.merchantsFile;
  const text = await read(path).catch((error: unknown) => {
    if (error instanceof Problem && error.code === 'cli/bad-file')
      return JSON.stringify({ format: 'cairn-merchants/1', merchants: [] } satisfies MerchantsFile);
    throw error;
  });
  readMerchants(text);
  const file = JSON.parse(text) as MerchantsFile;
  if (merchant === undefined) {
    for (const { merchant: id, keys } of file.merchants)
      for (const { key: known, untilMs } of keys) tell(`${id} ${known}${untilMs === null ? '' : ` until ${new Date(untilMs).toISOString()}`}`);
    return 0;
  }
  if (!isUuid<MerchantId>(merchant) || key === undefined || !isHex(key, 20))
    throw new Problem('cli/bad-arguments', 'A merchant is a UUID, and his key an address in lower-case hexadecimal.');
  const known = file.merchants.find((entry) => entry.merchant === merchant);
  if (known?.keys.some((entry) => entry.key === key)) throw new Problem('cli/bad-arguments', `${key} is registered for ${merchant} already.`);
  // A key that is replaced counts for what was recorded before; one that was stolen is to be taken out of the file by hand, because nothing of it may count.
  const keys = [...(known?.keys ?? []).map((entry) => ({ ...entry, untilMs: entry.untilMs ?? nowMs })), { key, untilMs: null }];
  const next: MerchantsFile = { format: 'cairn-merchants/1', merchants: [...file.merchants.filter((entry) => entry !== known), { merchant, keys }] };
  const written = `${JSON.stringify(next, null, 2)}\n`;
  readMerchants(written);
  await writeDurably(path, utf8(written));
  tell(`${merchant} signs with ${key}; a node that runs takes it up within seconds, and its log says so`);
  return 0;
}

/** How long bands around a file of rates are valid where nobody says otherwise: rates move daily, and a week-end is without any. */
const VALID_HOURS = 72;

export interface Around {
  /** Hundredths of a percent to either side. */
  readonly withinBps: number;
  readonly validHours: number | undefined;
}

/** Puts bands of rates in the place of the ones that the node goes by: a file of bands as it is, or bands around a file of rates {pivot, rates}. Without a file it shows them. */
export async function ratesCommand(
  folder: string,
  file: string | undefined,
  around: Around | undefined,
  nowMs: TimeMs,
  tell: (line: string) => void,
): Promise<number> {
  const { book } = await readConfig(folder, 'partial');
  const path = book?.ratesFile;
  if (!path) throw new Problem('node/bad-config', 'node.json names no file of rates (book.ratesFile), so this node takes any.');
  if (file === undefined) {
    const { pivot, bands, notAfterS } = readRateBands(await read(path));
    for (const [currency, { low, high }] of bands) tell(`${currency} ${low} to ${high} ${pivot}`);
    tell(validity(notAfterS, nowMs));
    return 0;
  }
  const given = await read(file);
  const text = around ? bandsAround(ratesOf(given), around.withinBps, Math.floor(nowMs / 1_000) + (around.validHours ?? VALID_HOURS) * 3_600) : given;
  const { bands, notAfterS } = readRateBands(text);
  await writeDurably(path, utf8(text));
  tell(`${bands.size} bands are in ${path}; a node that runs takes them up within seconds, and its log says so`);
  tell(validity(notAfterS, nowMs));
  return 0;
}

function validity(notAfterS: number | null, nowMs: TimeMs): string {
  if (notAfterS === null) return 'they do not expire';
  const until = new Date(notAfterS * 1_000).toISOString();
  return nowMs < notAfterS * 1_000 ? `valid until ${until}` : `EXPIRED at ${until}: the node refuses every payment between currencies (rates-valid)`;
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
