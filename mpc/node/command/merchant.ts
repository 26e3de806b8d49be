import { isHex, isUuid, Problem, utf8, type MerchantId, type TimeMs } from '#base';
import { readMerchants } from '../book/book.ts';
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
