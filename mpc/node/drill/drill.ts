/** The door of the drills: rehearsals of what can go wrong with signer nodes, and the throw-away nodes that they are held with. */
import { Problem } from '#base';
import { DRILLS } from './drills.ts';

export { Rehearsal, type RehearsalNode } from './rehearsal.ts';
export { Impostor, spoiled } from './impostor.ts';
export { anchorIntent, rehearsalPolicy } from './intents.ts';

export async function runDrills(name: string, keep: boolean, tell: (line: string) => void): Promise<number> {
  const names = name === 'all' ? Object.keys(DRILLS) : [name];
  const unknown = names.find((each) => !Object.hasOwn(DRILLS, each));
  if (unknown !== undefined)
    throw new Problem('cli/bad-arguments', `There is no drill "${unknown.slice(0, 40)}"; there are all, ${Object.keys(DRILLS).join(', ')}.`);
  for (const each of names) await DRILLS[each]!(keep, (line) => tell(`${each}: ${line}`));
  tell(`${names.length} of ${names.length} drills ended as they should`);
  return 0;
}
