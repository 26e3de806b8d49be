import { Problem } from '#base';
import { ceremony, FOLDER, FOLDER_HELP, needed, roleOf, tell, type Command } from './arguments.ts';
import { openDesk } from './desk.ts';
import { aloud, read, writeNew } from './folder.ts';

/** What the node says of a key to whoever joins or leaves it. */
interface Told {
  readonly anchor: unknown;
  readonly fingerprint: string;
  readonly proof: unknown;
}

/** The commands by which a key goes to other parties (digest 11.1). */
export const MOVES: Readonly<Record<string, Command>> = {
  anchor: {
    summary: 'tell whoever joins or leaves which key it is about',
    help: `cairn node anchor KEY [--out FILE] [--proof FILE] --folder DIR

  Prints the fingerprint of the epoch of KEY that this node holds, for its operator to read aloud, and writes the anchor that belongs to
  it to FILE. The anchor is not secret and may go any way: who joins takes it only together with the fingerprint, as he heard it from the
  operators of two nodes. The proof is for a party that leaves: with it, it erases its share. Keep the proof confidential.

${FOLDER_HELP}
  --out FILE         the anchor, for a node that joins by cairn node reshare; FILE must not exist
  --proof FILE       the confirmations of all parties, for a node that leaves by cairn node leave; FILE must not exist
`,
    options: { ...FOLDER, out: { type: 'string' }, proof: { type: 'string' } },
    words: [1, 1],
    run: async (values, [role]) => {
      const { anchor, fingerprint, proof } = (await asked(needed(values, 'folder'), 'key/anchor', { role: roleOf(role) })) as unknown as Told;
      if (values['proof'] !== undefined && proof === null)
        throw new Problem('node/confirmations-missing', 'This node holds the epoch from a backup, without its confirmations: ask another one.');
      if (values['out'] !== undefined) await writeNew(needed(values, 'out'), `${JSON.stringify(anchor, null, 2)}\n`);
      if (values['proof'] !== undefined) await writeNew(needed(values, 'proof'), `${JSON.stringify(proof, null, 2)}\n`);
      tell(`anchor of the ${role} key, to be read aloud:  ${aloud(fingerprint)}`);
      return 0;
    },
  },
  reshare: {
    summary: 'give a key to another set of nodes',
    help: `cairn node reshare KEY --dealers PARTY,... [--anchor FILE --reads HEX] --folder DIR

  For a node that is lost, suspected or banned, for a new operator, or for other numbers: the address stays, and the old shares are worth
  nothing with the new ones. First every node that will hold the key names all the others by cairn node peer (and in node.json how many
  must sign), and is started anew. Then all their operators run this, in any order. Who stays keeps its number; who joins takes another
  one, or that of one who leaves. Afterwards whoever left erases its share by cairn node leave, and old backups are destroyed.

  After a capture of as many nodes as must sign, move the money instead: old shares make the key for ever.

${FOLDER_HELP}
  --dealers 1,2      old parties who stay and deal their shares on: at least as many as must sign before. Leave a suspected one out.
  --anchor FILE      at a node without a share of KEY: what cairn node anchor wrote at an old node
  --reads HEX        and its fingerprint as the operators of two old nodes read it aloud, not as it came with the file
`,
    options: { ...FOLDER, dealers: { type: 'string' }, anchor: { type: 'string' }, reads: { type: 'string' } },
    words: [1, 1],
    run: async (values, [role]) => {
      const dealers = needed(values, 'dealers').split(',').map(Number);
      if (dealers.some((party) => !Number.isInteger(party) || party < 1)) throw new Problem('cli/bad-arguments', '--dealers names parties, as 1,2.');
      if ((values['anchor'] === undefined) !== (values['reads'] === undefined))
        throw new Problem('cli/bad-arguments', '--anchor and --reads belong together: the file, and what was read aloud.');
      const named = values['anchor'] === undefined ? {} : { anchor: await readJson(needed(values, 'anchor')), reads: heard(needed(values, 'reads')) };
      return ceremony(values, { kind: 'reshare', role: roleOf(role), dealers, ...named });
    },
  },
  leave: {
    summary: 'erase the share of a key that has gone to other nodes',
    help: `cairn node leave KEY --proof FILE --reads HEX --folder DIR

  At a node that is no longer among the parties of KEY, and still runs: checks that all who are have confirmed the epoch that you name by
  what their operators read aloud, then erases this node's share, its pairs and its backup. Keep what it prints, and destroy the backups
  that were written to files. A folder that no longer runs is destroyed with its disk.

${FOLDER_HELP}
  --proof FILE       what cairn node anchor KEY --proof wrote at a node that has the key
  --reads HEX        the fingerprint of the new epoch, as its operators read it aloud
`,
    options: { ...FOLDER, proof: { type: 'string' }, reads: { type: 'string' } },
    words: [1, 1],
    run: async (values, [role]) => {
      const proof = await readJson(needed(values, 'proof'));
      const { erased, epoch } = await asked(needed(values, 'folder'), 'key/leave', { role: roleOf(role), proof, reads: heard(needed(values, 'reads')) });
      tell(`the ${role} key is with the parties of epoch ${String(epoch)}; share, pairs and backup of epoch ${String(erased)} are erased here`);
      return 0;
    },
  },
};

/** A fingerprint as somebody wrote it down while it was read to him. */
function heard(text: string): string {
  const digits = text
    .replace(/[\s:-]/g, '')
    .toLowerCase()
    .replace(/^0x/, '');
  if (!/^[0-9a-f]{64}$/.test(digits)) throw new Problem('cli/bad-arguments', '--reads is 64 hexadecimal digits, in groups or not.');
  return digits;
}

async function asked(folder: string, method: string, body: unknown): Promise<Record<string, unknown>> {
  const desk = await openDesk(folder);
  try {
    return await desk.ask(method, body);
  } finally {
    desk.close();
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = await read(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Problem('cli/bad-file', `${path} is no JSON.`, { path }, cause);
  }
}
