import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem, toHex, type Hex } from '#base';
import { intentDigest, isSignatureBy } from '#custody/intents';
import { backupCommand, restoreCommand } from '../command/backup.ts';
import { BUNDLE, CONFIRMED } from '../ceremony/ceremony.ts';
import { Impostor, spoiled } from './impostor.ts';
import { anchorIntent, rehearsalPolicy } from './intents.ts';
import { ownPublicShares, Rehearsal, sharesIn, type RehearsalNode } from './rehearsal.ts';

type Tell = (line: string) => void;

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const ALL = [1, 2, 3];
const PAIRS: readonly (readonly [number, number])[] = [
  [1, 2],
  [1, 3],
  [2, 3],
];

/** Every drill by its name; each throws where anything is not as it should be. */
export const DRILLS: Readonly<Record<string, (keep: boolean, tell: Tell) => Promise<void>>> = {
  'lost-node': (keep, tell) => withKey(keep, tell, lostNode),
  refresh: (keep, tell) => withKey(keep, tell, refresh),
  'refresh-killed': (keep, tell) => withKey(keep, tell, refreshKilled),
  'withheld-confirmation': (keep, tell) => withKey(keep, tell, withheldConfirmation),
  'poisoned-pair': (keep, tell) => withKey(keep, tell, poisonedPair),
  'poisoned-twice': (keep, tell) => withKey(keep, tell, poisonedTwice),
  'lost-disk': (keep, tell) => withKey(keep, tell, lostDisk),
  'lost-backup': (keep, tell) => withKey(keep, tell, lostBackup),
  'lost-member': (keep, tell) => withKey(keep, tell, lostMember),
};

/** Three nodes with a poster key between them. */
async function withKey(keep: boolean, tell: Tell, drill: (rehearsal: Rehearsal, address: Hex, tell: Tell) => Promise<void>): Promise<void> {
  const rehearsal = await Rehearsal.make({ n: 3, threshold: 2, policy: rehearsalPolicy, random });
  try {
    await rehearsal.startAll();
    await rehearsal.ceremony({ kind: 'generate', role: 'poster' });
    const address = await rehearsal.address(1, 'poster');
    tell(`three nodes hold ${address}`);
    await drill(rehearsal, address, tell);
    tell('as it should be');
  } finally {
    await rehearsal.end(keep);
    if (keep) tell(`the folder is ${rehearsal.root}`);
  }
}

/** These signers make a signature that the address verifies. */
async function signs(rehearsal: Rehearsal, address: Hex, signers: readonly number[]): Promise<void> {
  const intent = anchorIntent(toHex(random(32)));
  const signature = await rehearsal.sign(intent, signers);
  demand(isSignatureBy(address, intentDigest(intent), signature), `parties ${signers.join(' and ')} sign with ${address}`);
}

async function allSign(rehearsal: Rehearsal, address: Hex): Promise<void> {
  for (const pair of PAIRS) await signs(rehearsal, address, pair);
}

/** The code with which these signers do not sign. */
async function refuses(rehearsal: Rehearsal, signers: readonly number[]): Promise<string> {
  const answers = await rehearsal.ask(anchorIntent(toHex(random(32))), signers);
  demand(
    answers.every(({ status }) => status === 'rejected'),
    `parties ${signers.join(' and ')} do not sign`,
  );
  return answers.map((answer) => ((answer as PromiseRejectedResult).reason as Problem).code).join(', ');
}

function demand(condition: boolean, what: string): void {
  if (!condition) throw new Problem('session/ceremony-failed', `The drill was to show that ${what}, and it is not so.`);
}

async function lostNode(rehearsal: Rehearsal, address: Hex, tell: Tell): Promise<void> {
  for (const lost of ALL) {
    await rehearsal.stop(lost);
    const others = ALL.filter((party) => party !== lost);
    await signs(rehearsal, address, others);
    tell(`party ${lost} was killed, and parties ${others.join(' and ')} signed`);
    await rehearsal.start(lost);
    await rehearsal.ready([lost]);
    await signs(
      rehearsal,
      address,
      [lost, others[0]!].sort((a, b) => a - b),
    );
    tell(`party ${lost} came back and signed`);
  }
}

async function refresh(rehearsal: Rehearsal, address: Hex, tell: Tell): Promise<void> {
  await rehearsal.ceremony({ kind: 'refresh', role: 'poster' });
  for (const party of ALL) demand((await rehearsal.address(party, 'poster')) === address, 'the address stayed');
  await allSign(rehearsal, address);
  tell('all shares and pairs are new, and every pair of nodes signed');
}

async function refreshKilled(rehearsal: Rehearsal, address: Hex, tell: Tell): Promise<void> {
  const begun = rehearsal.ceremony({ kind: 'refresh', role: 'poster' }, [1, 2, 3]).catch(() => undefined);
  // In the middle: new shares are dealt, and nothing of them is confirmed by party 3.
  while (!(await rehearsal.log(3)).some(({ msg }) => String(msg).startsWith('dealing new shares'))) await sleep(5);
  await rehearsal.stop(3);
  await signs(rehearsal, address, [1, 2]);
  tell('party 3 was killed while shares were dealt; the others signed with the old ones');
  await rehearsal.start(3);
  for (const party of [1, 2]) {
    await rehearsal.stop(party, 'SIGTERM');
    await rehearsal.start(party);
  }
  await begun;
  await rehearsal.ready(ALL);
  await allSign(rehearsal, address);
  await rehearsal.ceremony({ kind: 'refresh', role: 'poster' });
  await allSign(rehearsal, address);
  demand((await rehearsal.address(3, 'poster')) === address, 'the address stayed');
  tell('the refresh was held again, and every pair of nodes signed before and after it');
}

/** Party 3 is captured: in a refresh it confirms to party 1 and not to party 2, so that by the naive rule one would erase the old epoch and the other drop the new one (digest 10.3). */
async function withheldConfirmation(rehearsal: Rehearsal, address: Hex, tell: Tell): Promise<void> {
  await rehearsal.stop(3);
  const captured = await rehearsal.runCaptured(3, 2, (method, payload) => (method === CONFIRMED || method === BUNDLE ? undefined : payload));
  await rehearsal.ready(ALL);
  await rehearsal.ceremony({ kind: 'refresh', role: 'poster' }, ALL);
  await captured.close();
  tell('party 3 confirmed to party 1 and not to party 2; party 2 got the bundle from party 1');
  await signs(rehearsal, address, [1, 2]);
  tell('parties 1 and 2 signed with the new shares, without party 3');
  await rehearsal.start(3);
  await rehearsal.ready([3]);
  await allSign(rehearsal, address);
}

/** Party 3 is captured, and cheats party 1 in the first round of a signature. */
async function cheat(rehearsal: Rehearsal): Promise<void> {
  await rehearsal.stop(3);
  const impostor = await Impostor.take(rehearsal, 3, 'poster', random);
  const intent = anchorIntent(toHex(random(32)));
  const requestId = toHex(random(32));
  const asked = rehearsal.ask(intent, [1, 3], requestId);
  const { conversation, message } = await impostor.hears(1, 0);
  const { slot, round1 } = impostor.begin(1, intentDigest(intent), requestId, message);
  await impostor.say(1, conversation, 0, slot);
  await impostor.say(1, conversation, 1, spoiled(round1));
  await asked;
  await impostor.leave();
  await rehearsal.start(3);
  await rehearsal.ready([3]);
}

async function poisonedPair(rehearsal: Rehearsal, address: Hex, tell: Tell): Promise<void> {
  await cheat(rehearsal);
  tell(`party 3 cheated; parties 1 and 3 do not sign any more (${await refuses(rehearsal, [1, 3])})`);
  await signs(rehearsal, address, [1, 2]);
  await signs(rehearsal, address, [2, 3]);
  tell('the other pairs signed');
  await rehearsal.ceremony({ kind: 'repair', role: 'poster' }, [1, 3]);
  await allSign(rehearsal, address);
  tell('both operators approved, the pair was set up anew, and every pair signed');
}

/** Once is set up again; twice is put out, and the new node in its place begins with a clean record. */
async function poisonedTwice(rehearsal: Rehearsal, address: Hex, tell: Tell): Promise<void> {
  await cheat(rehearsal);
  await rehearsal.ceremony({ kind: 'repair', role: 'poster' }, [1, 3]);
  await allSign(rehearsal, address);
  tell('party 3 cheated, both operators approved, and every pair signed again');
  await cheat(rehearsal);
  const refusal = await rehearsal.ceremony({ kind: 'repair', role: 'poster', peer: 3 }, [1]).then(
    () => 'set up',
    (error: unknown) => (error as Problem).detail,
  );
  demand(refusal.includes('session/pair-unusable'), `a pair that was poisoned twice is not set up again (${refusal})`);
  tell('party 3 cheated again: its pair is not set up a third time');
  await rehearsal.stop(3);
  const banned = await putInPlace(rehearsal, address, tell);
  demand(await isWorthless(rehearsal, banned), 'the share of the banned node is worth nothing');
  await cheat(rehearsal);
  await rehearsal.ceremony({ kind: 'repair', role: 'poster' }, [1, 3]);
  await allSign(rehearsal, address);
  tell('what the banned node did is not held against the one in its place');
}

/** A new node with another identity takes the number of party 3, by the shares of the other two. */
async function putInPlace(rehearsal: Rehearsal, address: Hex, tell: Tell): Promise<RehearsalNode> {
  const before = await rehearsal.replace(3, 2);
  for (const party of ALL) await rehearsal.introduce(party);
  await rehearsal.restart([1, 2]);
  await rehearsal.start(3);
  await rehearsal.ready(ALL);
  await signs(rehearsal, address, [1, 2]);
  tell('a new node stands in the place of party 3; parties 1 and 2 name it as their peer, and sign');
  await rehearsal.reshare('poster', [1, 2], 1);
  for (const party of ALL) demand((await rehearsal.address(party, 'poster')) === address, 'the address stayed');
  await allSign(rehearsal, address);
  tell('parties 1 and 2 dealt their shares on, and every pair of the new nodes signed');
  return before;
}

/** The share in a folder whose process does not run is on no polynomial of the epoch that is in use: x_3 G is not X_3. */
async function isWorthless(rehearsal: Rehearsal, { folder }: RehearsalNode): Promise<boolean> {
  const { anchor } = await rehearsal.anchor(1, 'poster');
  return (await ownPublicShares(folder)).every((share) => !anchor.publicShares.includes(share));
}

/** Party 3 is lost for ever: its disk, and its backup with it. Later the disk turns up. */
async function lostMember(rehearsal: Rehearsal, address: Hex, tell: Tell): Promise<void> {
  await rehearsal.stop(3);
  tell('party 3 is lost for ever, and has no backup');
  await signs(rehearsal, address, [1, 2]);
  const lost = await putInPlace(rehearsal, address, tell);
  demand(await isWorthless(rehearsal, lost), 'the old share is worth nothing');
  await rehearsal.ceremony({ kind: 'refresh', role: 'poster' });
  await allSign(rehearsal, address);
  tell('the lost disk turned up: its share belongs to nothing any more; the new nodes refreshed and signed');
  const left = await rehearsal.leave(lost, 'poster', 1);
  demand(left.length === 0 && (await ownPublicShares(lost.folder)).length === 0, 'the old node erased its share');
  tell('its operator had it erase the share by what the others read aloud');
}

/** A copy of party 2's backup, with its recovery secret, is in hands that nobody knows. */
async function lostBackup(rehearsal: Rehearsal, address: Hex, tell: Tell): Promise<void> {
  const { folder, recoveryFile } = rehearsal.node(2);
  const [stolen, fresh] = [join(rehearsal.root, 'stolen.json'), join(rehearsal.root, 'fresh.json')];
  await backupCommand(folder, stolen, () => undefined);
  const share = await sharesIn(stolen, recoveryFile);
  demand(share.length === 1 && (await rehearsal.anchor(2, 'poster')).anchor.publicShares.includes(share[0]!), 'the backup held the share');
  tell('a backup of party 2 is lost, with its recovery secret');
  await rehearsal.ceremony({ kind: 'refresh', role: 'poster' });
  demand(!(await rehearsal.anchor(2, 'poster')).anchor.publicShares.includes(share[0]!), 'the lost share is worth nothing');
  await allSign(rehearsal, address);
  await backupCommand(folder, fresh, () => undefined);
  const kept = await sharesIn(fresh, recoveryFile);
  demand((await rehearsal.anchor(2, 'poster')).anchor.publicShares.includes(kept[0]!), 'the new backup holds the new share');
  tell('after a refresh the share in it belongs to nothing any more; every pair signed, and a new backup was written');
}

async function lostDisk(rehearsal: Rehearsal, address: Hex, tell: Tell): Promise<void> {
  const { folder, recoveryFile } = rehearsal.node(2);
  const backup = join(rehearsal.root, 'backup.json');
  await backupCommand(folder, backup, () => undefined);
  await rehearsal.stop(2);
  // The disk is gone; the backup and the recovery secret were kept elsewhere, and nobody has the old identity any more.
  const kept = join(rehearsal.root, 'kept');
  await mkdir(kept);
  await rename(recoveryFile, join(kept, 'recovery'));
  await rm(folder, { recursive: true });
  tell('party 2 lost its disk');
  await signs(rehearsal, address, [1, 3]);
  await rehearsal.init(2, 2);
  for (const party of ALL) await rehearsal.introduce(party);
  await restoreCommand({ folder, file: backup, recoveryFile: join(kept, 'recovery'), random, tell });
  for (const party of [1, 3]) await rehearsal.stop(party, 'SIGTERM');
  await rehearsal.startAll();
  tell(`restored under a new identity, it signs nothing yet (${await refuses(rehearsal, [1, 2])})`);
  await rehearsal.ceremony({ kind: 'refresh', role: 'poster' });
  await allSign(rehearsal, address);
  tell('after a refresh every pair of nodes signed');
}
