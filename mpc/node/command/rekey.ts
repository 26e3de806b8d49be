import { Problem, type RandomBytes } from '#base';
import { rewrapIdentity, type NodeConfig } from '../process/process.ts';
import { rewrapHeader } from '../store/store.ts';
import { readConfig, writeConfig } from './folder.ts';
import { providerOf } from './provider.ts';

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
