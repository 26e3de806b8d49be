import type { ProblemDefinition } from '../problems.ts';

/** What a signer node's disk and its durable state refuse. */
export const MPC_NODE_PROBLEMS = {
  'node/ended-at-start': {
    status: 503,
    title: 'A signer node refuses to start',
    retry: 'never',
    howToSolve: 'Its own reason says which file it is about: mend that and start again.',
  },
  'node/folder-locked': {
    status: 503,
    title: 'Another process works in this folder',
    retry: 'later',
    howToSolve: 'One node, one process: stop the other one, or give this one a folder of its own.',
  },
  'node/no-os-user': {
    status: 503,
    title: 'Running as root, and the signer nodes cannot have users of their own',
    retry: 'never',
    howToSolve:
      'Start Cairn as an ordinary user, or let root change owners and user ids (CAP_CHOWN, CAP_SETUID, CAP_SETGID) and leave ten numbers from 60801 on free.',
  },
  'node/disk-failed': {
    status: 500,
    title: 'The disk did not take what must be durable',
    retry: 'never',
    howToSolve: 'The node stops, since nobody knows what reached the disk. Make room or replace the disk, then start it again: it reads its files afresh.',
  },
  'node/store-exists': {
    status: 409,
    title: 'The folder already holds a store',
    retry: 'never',
    howToSolve: 'Use another folder. A store is never overwritten: it may hold the only copy of a share.',
  },
  'node/store-absent': {
    status: 404,
    title: 'There is no store in this folder',
    retry: 'never',
    howToSolve: 'Name the folder that `cairn node init` made, or bring it back from where it went.',
  },
  'node/store-tampered': {
    status: 500,
    title: 'A file of the store was changed',
    retry: 'never',
    howToSolve:
      'Do not use this folder any more: keep it as evidence, restore the node from its own backup and reshare it in. Somebody else wrote to its disk.',
  },
  'node/store-swapped': {
    status: 500,
    title: 'A file of the store belongs to another node, key, epoch or place',
    retry: 'never',
    howToSolve: 'Put every file back where it belongs; if nobody of yours moved it, treat the host as compromised.',
  },
  'node/store-incomplete': {
    status: 500,
    title: 'A file of the store is missing',
    retry: 'never',
    howToSolve: 'Bring the whole folder back as it was; a part of it is of no use. Otherwise restore the node from its backup.',
  },
  'node/store-behind': {
    status: 500,
    title: 'The store is older than what is remembered of it',
    retry: 'never',
    howToSolve:
      'A snapshot or an old copy was put back: a poisoned pair, a spent limit or an erased epoch may have been forgotten. Do not sign from it; restore the node from its backup under a new identity.',
  },
  'node/wrong-key': {
    status: 403,
    title: 'The key does not open the store',
    retry: 'never',
    howToSolve: 'Give the passphrase, the key file or the token that this store was made with. If you did, its header was changed.',
  },
  'node/weak-kdf': {
    status: 500,
    title: 'The passphrase would be stretched too little, or past all reason',
    retry: 'never',
    howToSolve:
      'Use argon2id with at least 64 MiB, 3 passes and 1 lane (RFC 9106 section 4) and at most 4 GiB, 64 passes and 16 lanes. A file that says otherwise was changed.',
  },
  'node/weak-passphrase': {
    status: 400,
    title: 'The passphrase is too short',
    retry: 'never',
    howToSolve: 'Use at least 16 characters, drawn by a generator: whoever copies the disk may guess for years.',
  },
  'node/bad-key-file': {
    status: 500,
    title: 'The key file cannot be used',
    retry: 'never',
    howToSolve: 'It holds 32 bytes as 0x and 64 hexadecimal digits, and belongs to its owner alone (chmod 600).',
  },
  'node/bad-pin-file': {
    status: 500,
    title: 'The file of the PIN cannot be used',
    retry: 'never',
    howToSolve: 'Its first line is the PIN of the token’s user, and it belongs to its owner alone (chmod 600).',
  },
  'node/hsm-module': {
    status: 500,
    title: 'The PKCS#11 module cannot be loaded',
    retry: 'never',
    howToSolve:
      'Name the vendor’s module for this processor by its absolute path (SoftHSM: /usr/lib/softhsm/libsofthsm2.so), readable for the node’s user, and install what it depends on (ldd shows it).',
  },
  'node/hsm-token-missing': {
    status: 503,
    title: 'The token is not there',
    retry: 'later',
    howToSolve:
      'Plug it in, start its service, or give the node’s user access to it; `pkcs11-tool --module MODULE --list-slots` run as that user shows what the module sees. A node that runs goes on without its token and needs it at the next start. Without the token and without a copy of its key, restore the node from its backup.',
  },
  'node/hsm-ambiguous': {
    status: 409,
    title: 'Several tokens, or several keys of the token, have the name',
    retry: 'never',
    howToSolve:
      'Name the token by its serial number in node.json, which the facts list; delete or rename the keys that are not meant, after you have a copy of each.',
  },
  'node/hsm-wrong-pin': {
    status: 403,
    title: 'The token refuses the PIN',
    retry: 'never',
    howToSolve: 'Correct the file of the PIN before you start the node again: it tries once a start, and after a few wrong ones the token locks itself.',
  },
  'node/hsm-pin-locked': {
    status: 403,
    title: 'The token takes no PIN now',
    retry: 'never',
    howToSolve: 'Log in once with the vendor’s own tool, or let the token’s security officer set the user’s PIN anew, then correct the file of the PIN.',
  },
  'node/hsm-key-missing': {
    status: 404,
    title: 'The token has no such key',
    retry: 'never',
    howToSolve:
      'Bring back the token’s own backup: the header names the key by its CKA_ID. Where the key is gone for good, so is this store: make the node anew and restore its shares from its backup (cairn node restore).',
  },
  'node/hsm-key-unfit': {
    status: 409,
    title: 'The key on the token is not one that a store may depend on',
    retry: 'never',
    howToSolve:
      'Name another label, under which the node makes its own key, or make one that is sensitive, not extractable, has an id, and signs by CKM_SHA256_HMAC (CKK_GENERIC_SECRET or CKK_SHA256_HMAC, 32 bytes).',
  },
  'node/hsm-failed': {
    status: 503,
    title: 'The device refused a call',
    retry: 'later',
    howToSolve: 'The facts have the call and the return value as PKCS#11 numbers it; the device’s own log says more. Nothing was changed.',
  },
  'node/unknown-key': {
    status: 404,
    title: 'This node holds no such key, epoch or pair',
    retry: 'never',
    howToSolve: 'See `cairn node status` for what it holds.',
  },
  'node/wrong-state': {
    status: 409,
    title: 'The key, the epoch or the pair is not in a state that allows this',
    retry: 'never',
    howToSolve: 'The facts name its state; `cairn node status` shows all of them.',
  },
  'node/restored-policy': {
    status: 409,
    title: 'The backup was sealed under another policy than this node has',
    retry: 'never',
    howToSolve:
      'Make the node with the policy that was in force when the backup was sealed (cairn node init --policy), and change it afterwards by its own rules. Where it was changed since, and this one is meant, name the sealed hash: cairn node restore --sealed-policy HASH.',
  },
  'node/crashed-in-check': {
    status: 500,
    title: 'The node died while it checked what a peer had sent',
    retry: 'later',
    howToSolve:
      'Find out what ended the process. One crash proves nothing; a peer that can bring one about at that moment learns a bit of the pair’s secrets by each, so after four of them the pair is POISONED until both operators have it set up anew (cairn node approve) or all refresh the key.',
  },
  'node/operation-objected': {
    status: 500,
    title: 'Something waits in the timelock that this node did not agree to',
    retry: 'never',
    howToSolve:
      'The nodes that object cancel it on their own. Find out whose keys proposed it (cairn govern status): two operators’ keys are in the wrong hands, or two operators went on without the group’s key. Where the cancellation does not get in, the guardian cancels too.',
  },
  'node/operation-executed': {
    status: 500,
    title: 'Something was executed that this node did not agree to',
    retry: 'never',
    howToSolve:
      'Pause anchor and vault with the guardian’s key at once (cairn govern pause), then see in the audit logs why no cancellation got in before the delay ran out.',
  },
  'node/owner-out-of-gas': {
    status: 500,
    title: 'The owner’s account cannot pay for cancellations',
    retry: 'later',
    howToSolve: 'Send native coin to the address in the detail, from any account. Its key can do nothing with it but pay for what the nodes sign together.',
  },
  'node/watch-blind': {
    status: 503,
    title: 'The node does not see the timelock',
    retry: 'later',
    howToSolve:
      'The detail names the endpoint. Where two contradict each other, one of them lies or is on another branch: replace it. Until then this node objects to nothing, and the others watch without it.',
  },
  'node/peer-cancels-agreed': {
    status: 500,
    title: 'A peer wants to cancel what this node agreed to',
    retry: 'never',
    howToSolve:
      'It is refused. A peer that was restored from a backup may have forgotten what it signed; any other is captured or sees another chain: ask its operator.',
  },
  'node/already-confirmed': {
    status: 409,
    title: 'A confirmed epoch is not dropped',
    retry: 'never',
    howToSolve:
      'Once the confirmation is out, a peer may have erased the old epoch. Both are kept until all confirmations are here: ask the peers for the bundle.',
  },
  'node/confirmations-missing': {
    status: 409,
    title: 'The bundle does not hold one valid confirmation of every party',
    retry: 'later',
    howToSolve: 'Wait for the missing ones, or ask a peer that has the whole bundle. The facts name whose is missing or wrong.',
  },
  'node/pair-poisoned': {
    status: 403,
    title: 'This pair is poisoned',
    retry: 'never',
    howToSolve:
      'A check against this peer failed, so bits of a secret may be out. An operator decides whether the pair is set up anew; until then sign with another quorum.',
  },
  'node/blind-digest': {
    status: 403,
    title: 'A digest that nobody rebuilt is not signed',
    retry: 'never',
    howToSolve: 'Ask for a structured intent, which the node decodes, judges and hashes itself.',
  },
  'node/already-released': {
    status: 409,
    title: 'This session was already released',
    retry: 'never',
    howToSolve: 'Ask for the signature in a new session.',
  },
  'node/audit-tampered': {
    status: 500,
    title: 'The audit log was changed',
    retry: 'never',
    howToSolve: 'Keep it as evidence and compare it with the heads that the peers hold; the facts name the first line that is wrong, and how.',
  },
  'node/audit-behind': {
    status: 500,
    title: 'The audit log is shorter than, or not the one, that is remembered',
    retry: 'never',
    howToSolve: 'Lines that were acknowledged are gone. Bring the log back whole; a node never goes on after a hole.',
  },
} as const satisfies Record<string, ProblemDefinition>;
