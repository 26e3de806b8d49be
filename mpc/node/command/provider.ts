import { isAbsolute, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { Problem, utf8, type RandomBytes } from '#base';
import { hsmProvider, readPin } from '../hsm/hsm.ts';
import { rewrapIdentity, type NodeConfig } from '../process/process.ts';
import { keyFileProvider, passphraseProvider, rewrapHeader, type KeyProvider } from '../store/store.ts';
import { read, readConfig, writeConfig } from './folder.ts';

type ProviderConfig = NodeConfig['provider'];

export const PROVIDER_OPTIONS = {
  'key-file': { type: 'string' },
  'passphrase-file': { type: 'string' },
  'hsm-module': { type: 'string' },
  'hsm-token': { type: 'string' },
  'hsm-key': { type: 'string' },
  'hsm-pin-file': { type: 'string' },
} as const;

export const PROVIDER_HELP = `  --key-file FILE         0x and 64 hexadecimal digits, for its owner alone, that open the store
  --passphrase-file FILE  or a passphrase of 16 characters or more; "-" asks for it, or reads it from standard input, also at every start
  --hsm-module FILE       or a key inside a PKCS#11 token: the absolute path of the vendor's module,
  --hsm-token LABEL       the token's label, or its serial number,
  --hsm-key LABEL         the key's label, cairn-node-N unless told for party N (made there if the token has none),
  --hsm-pin-file FILE     and the user's PIN, in a file for its owner alone; "-" asks for it, or reads it from standard input
`;

/** What the options say of who opens the store; cli/bad-arguments where they name none, more than one, or half of one. */
export function providerNamed(values: Readonly<Record<string, string | boolean | undefined>>, party: number): ProviderConfig {
  const { 'key-file': path, 'passphrase-file': file, 'hsm-module': module, 'hsm-token': token, 'hsm-key': key = `cairn-node-${party}`, 'hsm-pin-file': pinFile } = values as Record<string, string | undefined>; // prettier-ignore
  const named = [path, file, module ?? token ?? values['hsm-key'] ?? pinFile].filter((one) => one !== undefined);
  if (named.length !== 1) throw new Problem('cli/bad-arguments', 'Name --key-file, --passphrase-file or --hsm-module, one of them.');
  if (path) return { kind: 'key-file', path };
  if (file) return { kind: 'passphrase', file };
  if (!module || !token || !key || !pinFile) throw new Problem('cli/bad-arguments', 'An HSM takes --hsm-module, --hsm-token and --hsm-pin-file.');
  // What is loaded runs in the node, so that a bare name, which the loader would look for in places that the environment names, is not taken for a file here either.
  if (!isAbsolute(module)) throw new Problem('cli/bad-arguments', `--hsm-module takes an absolute path; ${resolve(module)}?`);
  return { kind: 'pkcs11', module, token, key, pinFile };
}

/** Whoever opens the store, as node.json says. */
export async function providerOf({ provider }: Pick<NodeConfig, 'provider'>): Promise<KeyProvider> {
  if (provider.kind === 'key-file') return keyFileProvider(provider.path);
  if (provider.kind === 'passphrase')
    return passphraseProvider(provider.file === '-' ? await asked('Passphrase of the store: ') : (await read(provider.file)).replace(/\r?\n$/, ''));
  if (provider.pinFile !== '-') return hsmProvider(provider, () => readPin(provider.pinFile));
  const pin = await asked(`PIN of token ${provider.token}: `);
  return hsmProvider(provider, async () => utf8(pin));
}

/** A line of standard input. On a terminal it is asked for, and what is typed is not shown. */
async function asked(question: string): Promise<string> {
  const { stdin, stderr } = process;
  if (stdin.isTTY) stderr.write(question);
  const input = createInterface({ input: stdin, output: new Writable({ write: (_piece, _encoding, done) => done() }), terminal: stdin.isTTY });
  const line = await Promise.race([
    new Promise<string>((answer) => input.once('line', answer)),
    new Promise<undefined>((answer) => input.once('close', () => answer(undefined))),
  ]);
  input.close();
  if (stdin.isTTY) stderr.write('\n');
  if (!line) throw new Problem('node/wrong-key', 'The secret that opens the store was to come from standard input, and nothing came.');
  return line;
}

/** Moves a node that does not run from one key provider to another. The store goes first, since only it knows whether the node runs; node.json last, since it says who opened what until all is done. */
export async function rekeyNode(
  folder: string,
  named: (party: number) => NodeConfig['provider'],
  random: RandomBytes,
  tell: (line: string) => void,
): Promise<number> {
  const config = await readConfig(folder, 'partial');
  const provider = named(config.party);
  if ([config.provider, provider].every((one) => secretOf(one) === '-'))
    throw new Problem('cli/bad-arguments', 'The old secret and the new one cannot both come from standard input: put one into a file.');
  const from = await providerOf(config);
  const to = await providerOf({ provider });
  await rewrapHeader(folder, from, to, random);
  await rewrapIdentity(folder, from, to, random);
  await writeConfig(folder, { ...config, provider });
  tell(`${folder} opens by ${provider.kind} from now on`);
  return 0;
}

function secretOf(provider: NodeConfig['provider']): string {
  if (provider.kind === 'pkcs11') return provider.pinFile;
  return provider.kind === 'passphrase' ? provider.file : provider.path;
}
