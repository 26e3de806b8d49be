import { keccak256 } from 'viem';
import type { OrderId } from '#base';
import { instructionId, type InstructionIntent, type Intent } from '#custody/intents';
import { orderFile } from '../../../../support/order.ts';
import type { Forge } from '../../book/support/forge.ts';
import { DEPTH, freshId, START_MS, type HoldChanges } from '../../book/support/samples.ts';
import { claimed, STRANGER } from '../../book/support/stories.ts';
import type { World } from './siege.ts';

/** A funded merchant's order of one line, held with whatever an attack changes, settled, anchored and final. */
export async function paid(forge: Forge, changes: HoldChanges = {}, amount = '100.00'): Promise<InstructionIntent> {
  forge.deposit(1_000_000_000n);
  await forge.pay(amount, changes);
  return anchored(forge, forge.settle());
}

function anchored(forge: Forge, intent: InstructionIntent): InstructionIntent {
  forge.anchor();
  return intent;
}

/** The order of one line for this payee, signed and held as the attack says. */
export async function ordered(
  forge: Forge,
  payee: Parameters<Forge['payee']>,
  order: Parameters<Forge['order']>[1] = {},
  of: Partial<{ amount: string }> = {},
): Promise<InstructionIntent> {
  forge.deposit(1_000_000_000n);
  const entry = await forge.payee(...payee);
  const { name, account } = entry.message;
  forge.hold(await forge.order([{ name, account, currency: 'USD', amount: of.amount ?? '100.00' }], order), entry);
  return anchored(forge, forge.settle());
}

type Attack = readonly [rule: string, what: string, attack: (forge: Forge) => Promise<Intent>, world?: World];

const lying = (method: string, answer: (truth: unknown, params: readonly unknown[]) => unknown) => (forge: Forge) =>
  forge.chain.serve((asked, params, truth) => (asked === method ? answer(truth(), params) : undefined));
const both = (lie: (forge: Forge) => Promise<string>): World => ({ urls: async (forge) => [await forge.chain.serve(), await lie(forge)] });
const alone = (lie: (forge: Forge) => Promise<string>): World => ({ urls: async (forge) => [await lie(forge)] });

/** What a captured server writes into its own book, and what a chain is made to say: each asked of each node alone. */
export const ATTACKS: readonly Attack[] = [
  [
    'instruction-booked',
    'another amount than the book has',
    async (forge) => {
      const intent = await paid(forge);
      return { ...intent, instruction: { ...intent.instruction, total: intent.instruction.total + 1n } };
    },
  ],
  [
    'instruction-booked',
    'an instruction that no record has',
    async (forge) => {
      const intent = await paid(forge);
      return { ...intent, instruction: { ...intent.instruction, window: freshId() } };
    },
  ],
  ['order-file', 'another amount than the merchant’s line', (forge) => paid(forge, { order: (evidence) => ({ ...evidence, instructed: '900' }) })],
  [
    'order-file',
    'a file that the merchant did not sign',
    (forge) => {
      const line = { name: 'x', account: 'y', currency: 'USD', amount: '900.00' };
      return ordered(forge, [], { shown: orderFile('another', [line]) });
    },
  ],
  ['order-signed', 'an invented order', (forge) => paid(forge, { order: (evidence) => ({ ...evidence, order: freshId<OrderId>() }) })],
  ['order-signed', 'an order that a stranger signed', (forge) => ordered(forge, [], { key: STRANGER })],
  ['order-signed', 'another merchant’s order over this one’s account', (forge) => ordered(forge, [], { key: forge.other.key, merchant: forge.other.id })],
  ['payee-signed', 'an invented payee', (forge) => paid(forge, { payee: (evidence) => ({ ...evidence, payee: freshId() }) })],
  ['payee-signed', 'a payee that a stranger signed for', (forge) => ordered(forge, [{}, STRANGER])],
  [
    'payee-same',
    'a payee’s address swapped after the merchant approved',
    (forge) => paid(forge, { payee: (evidence) => ({ ...evidence, address: `0x${'66'.repeat(20)}` }) }),
  ],
  [
    'payee-signed',
    'an address that the merchant had replaced',
    async (forge) => {
      forge.deposit(1_000_000_000n);
      const old = await forge.payee();
      const { name, account } = old.message;
      await forge.payee({ name, account });
      forge.hold(await forge.order([{ name, account, currency: 'USD', amount: '100.00' }]), old);
      return anchored(forge, forge.settle());
    },
  ],
  ['nonce-once', 'an order by a nonce that was used', (forge) => ordered(forge, [{ nonce: 4_711n }], { nonce: 4_711n })],
  ['not-expired', 'an order that had expired', (forge) => ordered(forge, [], { expiry: BigInt(START_MS / 1000) - 1n })],
  ['merchant-key', 'a merchant whom nobody registered', (forge) => paid(forge), { registered: (forge) => void forge.registered.delete(forge.merchant.id) }],
  ['merchant-key', 'a merchant’s key that was revoked', (forge) => paid(forge), { registered: (forge) => void forge.registered.set(forge.merchant.id, []) }],
  [
    'amount-derived',
    'a hold of more than the price comes to',
    (forge) => paid(forge, { commands: ([first, ...rest]) => [{ ...first!, amount: first!.amount + 1n }, ...rest] }),
  ],
  [
    'deposit-backed',
    'an invented deposit',
    async (forge) => {
      forge.deposit(1_000_000_000n, { mined: false });
      await forge.pay('100.00');
      return anchored(forge, forge.settle());
    },
  ],
  [
    'deposit-backed',
    'a deposit of more than came in',
    async (forge) => {
      forge.deposit(5_000_000n, { change: (command) => claimed({ ...command, amount: 1_000_000_000n }, { amount: '1000000000' }) });
      await forge.pay('100.00');
      return anchored(forge, forge.settle());
    },
  ],
  [
    'list-derived',
    'a list that pays others than the holds',
    async (forge) => {
      forge.deposit(1_000_000_000n);
      await forge.pay('100.00');
      return anchored(
        forge,
        forge.settle(undefined, (holds) => holds.map((held) => ({ ...held, address: `0x${'66'.repeat(20)}` }))),
      );
    },
  ],
  [
    'instruction-anchored',
    'an instruction that is not anchored',
    async (forge) => {
      forge.deposit(1_000_000_000n);
      await forge.pay('100.00');
      forge.anchor();
      const intent = forge.settle();
      forge.seal();
      return intent;
    },
  ],
  [
    'instruction-anchored',
    'an instruction whose anchor is not final',
    async (forge) => {
      forge.deposit(1_000_000_000n);
      await forge.pay('100.00');
      forge.anchor();
      const intent = forge.settle();
      forge.chain.append(forge.seal().leaf);
      forge.chain.finalise(DEPTH - 1);
      return intent;
    },
  ],
  [
    'instruction-anchored',
    'an instruction whose anchor a reorganisation orphaned',
    async (forge) => {
      forge.deposit(1_000_000_000n);
      await forge.pay('100.00');
      forge.anchor();
      const before = forge.chain.head;
      const intent = forge.settle();
      forge.chain.append(forge.seal().leaf);
      forge.chain.blocks.pop();
      forge.chain.logs.pop();
      forge.chain.head = before;
      forge.chain.finalise(10);
      return intent;
    },
  ],
  [
    'unpaid',
    'an instruction that the vault has paid',
    async (forge) => {
      const intent = await paid(forge);
      forge.chain.instructions.set(instructionId(intent.instruction), { since: 0, bits: { opened: true, settled: 1n, cancelled: 0n } });
      return intent;
    },
  ],
  [
    'not-after',
    'an instruction whose last moment has passed',
    async (forge) => {
      const intent = await paid(forge);
      forge.chain.mine(intent.instruction.notAfterS);
      forge.chain.finalise(DEPTH);
      return intent;
    },
  ],
  ['contract', 'another vault', async (forge) => ({ ...(await paid(forge)), vault: `0x${'ee'.repeat(20)}` })],
  ['chain-id', 'another chain', async (forge) => ({ ...(await paid(forge)), chainId: 1n })],
  [
    'log-known',
    'a leaf on the chain that the records do not make',
    async (forge) => {
      const intent = await paid(forge);
      forge.chain.append(keccak256('0x1234'));
      forge.chain.finalise(DEPTH);
      return intent;
    },
  ],
  ['batch-derived', 'an anchor whose root was replaced', async (forge) => ({ ...forge.seal(), leaf: keccak256('0x66') })],
  ['log-extended', 'an anchor on a log that nobody knows', async (forge) => ({ ...forge.seal(), previous: keccak256('0x55') })],
  [
    'cancel-known',
    'the cancellation of a payment that there is not',
    async (forge) => {
      await paid(forge);
      return { kind: 'cancel', chainId: forge.chain.chainId, vault: forge.chain.vault, instruction: keccak256('0x77'), index: 0 };
    },
  ],
  ['chain-agrees', 'an endpoint that hides the log', (forge) => paid(forge), both(lying('eth_getLogs', () => []))],
  ['chain-agrees', 'an endpoint that hides a deposit', (forge) => paid(forge), both(lying('eth_getTransactionReceipt', () => null))],
  ['log-known', 'the only endpoint, which hides the log', (forge) => paid(forge), alone(lying('eth_getLogs', () => []))],
  ['chain-answers', 'an endpoint that is silent', (forge) => paid(forge), { urls: async (forge) => [await forge.chain.serve(), 'http://127.0.0.1:9'] }],
  ['chain-answers', 'an endpoint of another chain', (forge) => paid(forge), alone(lying('eth_chainId', () => '0x1'))],
  [
    'order-signed',
    'an invented order that one of two endpoints calls cancelled',
    (forge) => inventedAndCancelled(forge),
    both(
      lying(
        'eth_call',
        cancelledWhen((params) => params[1] === 'latest'),
      ),
    ),
  ],
  [
    'order-signed',
    'an invented order that the only endpoint calls cancelled for good',
    (forge) => inventedAndCancelled(forge),
    alone(
      lying(
        'eth_call',
        cancelledWhen(() => true),
      ),
    ),
  ],
  [
    'per-transaction',
    'more than a transaction may move',
    async (forge) => {
      for (let i = 0; i < 5; i++) await paying(forge, '100.00');
      return anchored(forge, forge.settle());
    },
  ],
  ['per-payee', 'more than a payee may get within a day', (forge) => ordered(forge, [], {}, { amount: '151.00' })],
  ['approvals', 'an amount that needs an approval, without one', (forge) => ordered(forge, [], {}, { amount: '130.00' })],
];

async function paying(forge: Forge, amount: string): Promise<void> {
  forge.deposit(1_000_000_000n);
  await forge.pay(amount);
}

/** One honest payment and an invented one in one list. */
async function inventedAndCancelled(forge: Forge): Promise<Intent> {
  await paying(forge, '50.00');
  return paid(forge, { order: (evidence) => ({ ...evidence, order: freshId<OrderId>() }) });
}

/** Answers for `instructionState` that word 1 is cancelled. */
function cancelledWhen(isSo: (params: readonly unknown[]) => boolean) {
  const word = (value: number): string => value.toString(16).padStart(64, '0');
  return (truth: unknown, params: readonly unknown[]): unknown =>
    String(truth).length === 2 + 192 && isSo(params) ? `0x${word(0)}${word(2)}${word(2)}` : truth;
}
