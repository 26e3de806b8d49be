import { keccak_256 } from '@noble/hashes/sha3.js';
import { canonicalJson } from '#anchor/core';
import { concat, derivedId, fromHex, toHex, uintBytes, utf8, uuidBytes, type Hex, type TransferId } from '#base';
import { UNASSIGNED_REFERENCE } from '#custody/intents';
import { ACCOUNT_CODES, LINKED, PENDING, POST_PENDING, TRANSFER_CODES, type TransferCommand } from '#ledger/core';
import type { Forge } from './forge.ts';
import { depositField, DEPTH, evidence, FAR_S, freshId, personOf, random, TOKENS, USD, type Person } from './samples.ts';
import { claimed } from './stories.ts';

const THOUSAND = 1_000_000_000n;

/** Wallets that nobody registered at first. */
export const [WALLET, FOREIGN]: readonly [Person, Person] = [personOf('71'), personOf('72')];

export interface Waiting {
  readonly command: TransferCommand;
  readonly digest: Uint8Array;
}

/** Money from somebody’s wallet that is booked in suspense. `isMined`: the chain has it. */
export function suspended(
  forge: Forge,
  amount: bigint,
  more: { from?: Hex; reference?: Hex | null; isMined?: boolean; change?: (command: TransferCommand, digest: Uint8Array) => TransferCommand } = {},
): Waiting {
  const { from = WALLET.address, reference = null, isMined = true, change = (command) => command } = more;
  const token = TOKENS.get(USD)!;
  const { chainId } = forge.chain;
  const place = isMined ? forge.chain.deposit({ token, from, amount, reference }) : { transaction: toHex(random(32)), logIndex: 3, block: 1n };
  if (isMined) forge.chain.finalise(DEPTH);
  const digest = keccak_256(concat(utf8('cairn.deposit'), uintBytes(chainId, 8), fromHex(place.transaction), uintBytes(place.logIndex, 4)));
  const honest: TransferCommand = {
    kind: 'transfer',
    id: derivedId<TransferId>(digest),
    debit: forge.account('vault'),
    credit: forge.account('suspense'),
    asset: USD,
    amount,
    code: TRANSFER_CODES.suspense,
    subject: forge.book,
    fields: { deposit: depositField({ chainId, place, token, from, amount, reference }) },
  };
  const command = change(honest, digest);
  forge.submit([command]);
  return { command, digest };
}

export async function registers(forge: Forge, { id: merchant }: Person, { key, address: wallet }: Person): Promise<void> {
  const { json, digest } = await forge.sign(key, 'Wallet', { merchant, wallet, nonce: forge.nonce(), expiry: FAR_S });
  forge.submit([{ kind: 'wallet', wallet, merchant, authorisation: digest, ...evidence(json, merchant) }]);
}

/** What takes it out of suspense, to the merchant whose wallet it came from. */
export function release(forge: Forge, { command, digest }: Waiting, { id: merchant }: Person = forge.merchant): TransferCommand & { readonly id: TransferId } {
  return {
    kind: 'transfer',
    id: derivedId<TransferId>(keccak_256(concat(utf8('cairn.deposit.claimed'), digest))),
    debit: forge.account('suspense'),
    credit: forge.account('merchant', USD, merchant),
    asset: USD,
    amount: command.amount,
    code: TRANSFER_CODES.claimed,
    subject: merchant,
    fields: { deposit: command.fields!.deposit! },
  };
}

export async function released(forge: Forge): Promise<void> {
  const waiting = suspended(forge, THOUSAND);
  await registers(forge, forge.merchant, WALLET);
  forge.submit([release(forge, waiting)]);
}

/** The honest move with something of it changed. What others have in suspense is there to be taken. */
async function changed(forge: Forge, change: (command: TransferCommand) => TransferCommand): Promise<void> {
  suspended(forge, 3n * THOUSAND, { from: FOREIGN.address });
  const waiting = suspended(forge, THOUSAND);
  await registers(forge, forge.merchant, WALLET);
  forge.submit([change(release(forge, waiting))]);
}

/** Every way out of suspense but the one: each gives the merchant at least 100 dollars that nothing stands behind. */
export const ATTACKS: readonly (readonly [what: string, attack: (forge: Forge) => Promise<void>])[] = [
  ['of more than came in', (forge) => changed(forge, (command) => ({ ...claimed(command, { amount: `${2n * THOUSAND}` }), amount: 2n * THOUSAND }))],
  ['of more than its evidence says', (forge) => changed(forge, (command) => ({ ...command, amount: 2n * THOUSAND }))],
  ['of a part of it', (forge) => changed(forge, (command) => ({ ...command, amount: THOUSAND / 2n }))],
  ['of a part of it, and it says so', (forge) => changed(forge, (command) => ({ ...claimed(command, { amount: `${THOUSAND / 2n}` }), amount: THOUSAND / 2n }))],
  ['with evidence of another block', (forge) => changed(forge, (command) => claimed(command, { blockNumber: '1' }))],
  ['with evidence of another wallet', (forge) => changed(forge, (command) => claimed(command, { from: FOREIGN.address }))],
  ['with evidence of more', (forge) => changed(forge, (command) => claimed(command, { memo: 'and more' }))],
  ['without evidence', (forge) => changed(forge, ({ fields: _fields, ...command }) => command)],
  ['by another id', (forge) => changed(forge, (command) => ({ ...command, id: freshId<TransferId>() }))],
  ['with the code of a deposit', (forge) => changed(forge, (command) => ({ ...command, code: TRANSFER_CODES.deposit }))],
  ['with the code of no reason', (forge) => changed(forge, (command) => ({ ...command, code: TRANSFER_CODES.other }))],
  [
    'to another merchant than the wallet’s',
    async (forge) => {
      const waiting = suspended(forge, THOUSAND);
      await registers(forge, forge.other, WALLET);
      forge.submit([release(forge, waiting)]);
    },
  ],
  [
    'to another account of its merchant',
    async (forge) => {
      const purse = freshId<never>();
      forge.submit([{ kind: 'openAccount', id: purse, asset: USD, code: 99, flags: 2, owner: forge.merchant.id }]);
      await changed(forge, (command) => ({ ...command, credit: purse }));
      const back = { debit: purse, credit: forge.account('merchant', USD, forge.merchant.id), asset: USD, amount: THOUSAND, code: TRANSFER_CODES.other };
      forge.submit([{ kind: 'transfer', id: freshId<TransferId>(), ...back }]);
    },
  ],
  ['from a wallet that nobody registered', async (forge) => forge.submit([release(forge, suspended(forge, THOUSAND))]) && undefined],
  [
    'from a wallet other than the one that was registered',
    async (forge) => {
      const waiting = suspended(forge, THOUSAND);
      await registers(forge, forge.merchant, FOREIGN);
      forge.submit([release(forge, waiting)]);
    },
  ],
  [
    'from a wallet that somebody else signed for',
    async (forge) => {
      const waiting = suspended(forge, THOUSAND);
      const { json, digest } = await forge.sign(FOREIGN.key, 'Wallet', { merchant: forge.merchant.id, wallet: WALLET.address, nonce: 77n, expiry: FAR_S });
      forge.submit([{ kind: 'wallet', wallet: WALLET.address, merchant: forge.merchant.id, authorisation: digest, ...evidence(json, forge.merchant.id) }]);
      forge.submit([release(forge, waiting)]);
    },
  ],
  [
    'before its wallet is registered',
    async (forge) => {
      forge.submit([release(forge, suspended(forge, THOUSAND))]);
      await registers(forge, forge.merchant, WALLET);
    },
  ],
  [
    'twice',
    async (forge) => {
      suspended(forge, 3n * THOUSAND, { from: FOREIGN.address });
      const waiting = suspended(forge, 60_000_000n);
      await registers(forge, forge.merchant, WALLET);
      forge.submit([release(forge, waiting)]);
      forge.submit([{ ...release(forge, waiting), id: freshId<TransferId>() }]);
    },
  ],
  [
    'after it was credited to its merchant',
    async (forge) => {
      suspended(forge, 3n * THOUSAND, { from: FOREIGN.address });
      await registers(forge, forge.merchant, WALLET);
      const credited = suspended(forge, 60_000_000n, {
        change: (command) => ({ ...command, credit: forge.account('merchant', USD, forge.merchant.id), code: TRANSFER_CODES.deposit }),
      });
      forge.submit([release(forge, credited)]);
    },
  ],
  [
    'to a merchant whom nobody enrolled',
    async (forge) => {
      const ghost = personOf('34');
      const account = forge.account('merchant', USD, ghost.id);
      const mine = forge.account('merchant', USD, forge.merchant.id);
      forge.submit([{ kind: 'openAccount', id: account, asset: USD, code: ACCOUNT_CODES.merchant, flags: 2, owner: ghost.id }]);
      const waiting = suspended(forge, THOUSAND);
      await registers(forge, ghost, WALLET);
      forge.submit([release(forge, waiting, ghost)]);
      forge.submit([{ kind: 'transfer', id: freshId<TransferId>(), debit: account, credit: mine, asset: USD, amount: THOUSAND, code: TRANSFER_CODES.other }]);
    },
  ],
  [
    'of one that was booked as more than came in',
    async (forge) => {
      suspended(forge, 3n * THOUSAND, { from: FOREIGN.address });
      const waiting = suspended(forge, 1n, { change: (command) => ({ ...claimed(command, { amount: `${THOUSAND}` }), amount: THOUSAND }) });
      await registers(forge, forge.merchant, WALLET);
      forge.submit([release(forge, waiting)]);
    },
  ],
  [
    'of one that its merchant had to be credited with at once',
    async (forge) => {
      await registers(forge, forge.merchant, WALLET);
      forge.submit([release(forge, suspended(forge, THOUSAND))]);
    },
  ],
  [
    'of one that is parked since its account was closed',
    async (forge) => {
      const parked = (digest: Uint8Array) => derivedId<TransferId>(keccak_256(concat(utf8('cairn.deposit.suspense'), digest)));
      const waiting = suspended(forge, THOUSAND, { change: (command, digest) => ({ ...command, id: parked(digest) }) });
      await registers(forge, forge.merchant, WALLET);
      forge.submit([release(forge, waiting)]);
    },
  ],
  [
    'of one with a reference that names nobody',
    async (forge) => {
      const waiting = suspended(forge, THOUSAND, { reference: `0x${'5e'.repeat(32)}` });
      await registers(forge, forge.merchant, WALLET);
      forge.submit([release(forge, waiting)]);
    },
  ],
  [
    'of one with a reference that names its merchant, who was not known yet',
    async (forge) => {
      const late = personOf('33');
      const waiting = suspended(forge, THOUSAND, { reference: toHex(concat(uuidBytes(late.id), new Uint8Array(16))) });
      await registers(forge, forge.merchant, WALLET);
      forge.submit([release(forge, waiting)]);
    },
  ],
  [
    'of what lay at the address of a key of ours',
    async (forge) => {
      const waiting = suspended(forge, THOUSAND, { reference: UNASSIGNED_REFERENCE });
      await registers(forge, forge.merchant, WALLET);
      forge.submit([release(forge, waiting)]);
    },
  ],
  [
    'of an invented deposit, where the money of others waits',
    async (forge) => {
      suspended(forge, 3n * THOUSAND, { from: FOREIGN.address });
      const invented = suspended(forge, THOUSAND, { isMined: false });
      await registers(forge, forge.merchant, WALLET);
      forge.submit([release(forge, invented)]);
    },
  ],
  [
    'of a deposit that was never booked',
    async (forge) => {
      suspended(forge, 3n * THOUSAND, { from: FOREIGN.address });
      await registers(forge, forge.merchant, WALLET);
      const token = TOKENS.get(USD)!;
      const fact = { token, from: WALLET.address, amount: THOUSAND, reference: null };
      const place = forge.chain.deposit(fact);
      forge.chain.finalise(DEPTH);
      const { chainId } = forge.chain;
      const digest = keccak_256(concat(utf8('cairn.deposit'), uintBytes(chainId, 8), fromHex(place.transaction), uintBytes(place.logIndex, 4)));
      const command = {
        kind: 'transfer',
        id: freshId<TransferId>(),
        amount: THOUSAND,
        fields: { deposit: depositField({ chainId, place, ...fact }) },
      } as const;
      forge.submit([release(forge, { command, digest })]);
    },
  ],
  [
    'in one chain with another transfer',
    async (forge) => {
      const waiting = suspended(forge, THOUSAND);
      const beside = suspended(forge, THOUSAND, { from: FOREIGN.address });
      for (const wallet of [WALLET, FOREIGN]) await registers(forge, forge.merchant, wallet);
      const [first, last] = [release(forge, waiting), release(forge, beside)];
      forge.submit([
        { ...first, flags: LINKED },
        { ...last, amount: 1n },
      ]);
    },
  ],
  [
    'as a hold that is posted',
    async (forge) => {
      const waiting = suspended(forge, THOUSAND);
      await registers(forge, forge.merchant, WALLET);
      const hold = { ...release(forge, waiting), flags: PENDING };
      forge.submit([hold]);
      forge.submit([{ kind: 'transfer', id: freshId<TransferId>(), pendingId: hold.id, amount: hold.amount, flags: POST_PENDING }]);
    },
  ],
];

/** Every member of its evidence changed, one at a time. */
export function evidences(command: TransferCommand): readonly string[] {
  const said = JSON.parse(command.fields!.deposit!) as Record<string, string | number | null>;
  const other = (value: string | number | null): string | number =>
    typeof value === 'number' ? value + 1 : value === null ? `0x${'00'.repeat(32)}` : `${value}0`;
  return Object.keys(said).flatMap((name) => {
    const { [name]: value, ...rest } = said;
    return [canonicalJson(rest), canonicalJson({ ...said, [name]: other(value ?? null) })];
  });
}
