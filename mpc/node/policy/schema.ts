import { sha256 } from '@noble/hashes/sha2.js';
import { z } from 'zod';
import { canonicalJson } from '#anchor/core';
import { concat, Problem, toHex, uintBytes, utf8, type Hex } from '#base';
import { INTENT_KINDS } from './facts.ts';

const address = z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]{40}$/)]);
const key = z.templateLiteral(['0x', z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/)]);
const publicKey = z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]{64}$/)]);
/** Minor units; at most what a uint128 holds. */
const amount = z.string().regex(/^(?:0|[1-9][0-9]{0,38})$/);
const chainId = z.string().regex(/^[1-9][0-9]{0,19}$/);
const name = z.string().regex(/^[a-z0-9][a-z0-9.-]{0,63}$/);
const seconds = z
  .int()
  .min(0)
  .max(366 * 86_400);
const time = z.string().regex(/^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/);
const kind = z.enum(INTENT_KINDS);

/** A list that is a set: sorted and without repetitions, so that one policy has one hash. */
function setOf<T extends z.ZodType>(item: T, idOf: (value: z.output<T>) => string) {
  return z
    .array(item)
    .max(10_000)
    .refine((items) => new Set(items.map(idOf)).size === items.length, 'names something twice')
    .transform((items) => items.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1)));
}
const itself = (value: unknown) => String(value);
const whole = (value: unknown) => JSON.stringify(value);

const schema = z
  .strictObject({
    format: z.literal('cairn-node-policy/1'),
    /** Grows with every change. */
    version: z.int().min(1),
    /** `payments`: only anchors and cancellations (of payments and in the timelock). `everything`: nothing at all. */
    stop: z.enum(['nothing', 'payments', 'everything']),
    clock: z.strictObject({
      /** How far the clock may stand behind a time that it already showed. */
      backwardsS: seconds,
      /** How far it may differ from the time that the final chain shows; null where no chain is asked. */
      witnessS: seconds.nullable(),
    }),
    kinds: setOf(kind, itself),
    chains: setOf(
      z.strictObject({
        chainId,
        anchors: setOf(address, itself),
        vaults: setOf(address, itself),
        safes: setOf(address, itself),
        timelocks: setOf(address, itself),
        tokens: setOf(z.strictObject({ token: address, perTransaction: amount, perDay: amount, perPayeePerDay: amount }), ({ token }) => token),
      }),
      (chain) => chain.chainId,
    ),
    payees: z.strictObject({
      /** Only payees whose entry a registered merchant key signed. */
      registered: z.boolean(),
      /** Only these; null: no list. */
      only: setOf(address, itself).nullable(),
    }),
    /** UTC windows. A kind that no window names is allowed at all hours; days are 1 (Monday) to 7. */
    hours: setOf(
      z
        .strictObject({ kinds: setOf(kind, itself), days: setOf(z.int().min(1).max(7), itself), from: time, to: time })
        .refine(({ from, to }) => from < to, 'ends before it begins; use two windows across midnight'),
      whole,
    ),
    approvers: setOf(z.strictObject({ name, scheme: z.enum(['ed25519', 'eip712']), key }), (approver) => approver.name),
    approvals: setOf(
      z.strictObject({
        kinds: setOf(kind, itself),
        /** Of this token only, or (null) of whatever is asked. */
        token: address.nullable(),
        /** From this total of one token on; "0" always. */
        from: amount,
        required: z.int().min(1).max(100),
        approvers: setOf(name, itself),
        /** The longest time that an approval may still have to run. */
        longestLifeS: seconds.min(1),
      }),
      whole,
    ),
    operators: z.strictObject({ quorum: z.int().min(1).max(100), keys: setOf(z.strictObject({ name, key: publicKey }), (operator) => operator.name) }),
    changes: z.strictObject({ tighteningDelayS: seconds, looseningDelayS: seconds }),
  })
  .superRefine((policy, context) => {
    const complain = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    const known = new Set(policy.approvers.map((approver) => approver.name));
    policy.approvers.forEach((approver, i) => {
      if (approver.key.length !== (approver.scheme === 'ed25519' ? 66 : 42)) complain(['approvers', i, 'key'], `is no ${approver.scheme} key`);
    });
    if (new Set(policy.approvers.map((approver) => approver.key)).size !== known.size) complain(['approvers'], 'one key stands for two approvers');
    policy.approvals.forEach((rule, i) => {
      for (const approver of rule.approvers) if (!known.has(approver)) complain(['approvals', i, 'approvers'], `nobody is called ${approver}`);
      if (rule.approvers.length < rule.required) complain(['approvals', i, 'required'], 'asks for more approvals than it names approvers');
    });
    if (new Set(policy.operators.keys.map((operator) => operator.key)).size !== policy.operators.keys.length)
      complain(['operators', 'keys'], 'one key stands for two operators');
    if (policy.operators.quorum > policy.operators.keys.length) complain(['operators', 'quorum'], 'is larger than the number of operators');
    if (policy.changes.looseningDelayS <= policy.changes.tighteningDelayS)
      complain(['changes', 'looseningDelayS'], 'a loosening waits longer than a tightening');
  });

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** What one node allows. Its own copy: another node's may differ. */
export type Policy = DeepReadonly<z.output<typeof schema>>;

/** Reads a policy and puts its sets in order. policy/bad-file names the first member that is wrong. */
export function parsePolicy(json: unknown): Policy {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.path.map(String).join('.');
  throw new Problem('policy/bad-file', `${path === '' ? 'The policy' : path}: ${issue.message}.`, { path });
}

/** The same from text. */
export function parsePolicyText(text: string): Policy {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Problem('policy/bad-file', 'The file is no JSON.', {}, cause);
  }
  return parsePolicy(json);
}

const TAG = utf8('cairn/node-policy/v1');

/** SHA-256(len32(tag) || tag || canonical JSON): stands in the session id, in this signer's slot (section 2.6). 32 bytes. */
export function policyHash(policy: Policy): Hex {
  return toHex(sha256(concat(uintBytes(TAG.length, 4), TAG, utf8(canonicalJson(policy)))));
}
