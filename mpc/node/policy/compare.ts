import { INTENT_KINDS } from './facts.ts';
import { allowedMinutes } from './hours.ts';
import type { Policy } from './schema.ts';

/** `looser` is also whatever cannot be shown to be tighter. */
type Change = 'same' | 'tighter' | 'looser';

const STOPS: readonly Policy['stop'][] = ['nothing', 'payments', 'everything'];

/**
 * Does the new policy allow nothing that the old one refuses (`tightening`), the very same (`neither`), or perhaps more (`loosening`)? Conservative: anything not provably tighter is a loosening. Pure. The
 * property behind it: after a tightening or neither, whatever the new policy allows the old one allowed too.
 */
export function compare(old: Policy, next: Policy): 'tightening' | 'loosening' | 'neither' {
  const changes: Change[] = [
    larger(STOPS.indexOf(old.stop), STOPS.indexOf(next.stop)),
    smaller(old.clock.backwardsS, next.clock.backwardsS),
    smaller(old.clock.witnessS ?? Infinity, next.clock.witnessS ?? Infinity),
    subset(old.kinds, next.kinds),
    chains(old, next),
    larger(Number(old.payees.registered), Number(next.payees.registered)),
    old.payees.only === null
      ? next.payees.only === null
        ? 'same'
        : 'tighter'
      : next.payees.only === null
        ? 'looser'
        : subset(old.payees.only, next.payees.only),
    hours(old, next),
    approvals(old, next),
    operators(old, next),
    larger(old.changes.tighteningDelayS, next.changes.tighteningDelayS),
    larger(old.changes.looseningDelayS, next.changes.looseningDelayS),
  ];
  if (changes.includes('looser')) return 'loosening';
  return changes.includes('tighter') ? 'tightening' : 'neither';
}

function larger(old: number | bigint, next: number | bigint): Change {
  if (next === old) return 'same';
  return next > old ? 'tighter' : 'looser';
}

function smaller(old: number | bigint, next: number | bigint): Change {
  return larger(next, old);
}

function subset<T>(old: readonly T[], next: readonly T[]): Change {
  if (next.some((item) => !old.includes(item))) return 'looser';
  return next.length === old.length ? 'same' : 'tighter';
}

/** Of parts that must all be no looser: the whole is tighter where one is. */
function together(changes: readonly Change[]): Change {
  if (changes.includes('looser')) return 'looser';
  return changes.includes('tighter') ? 'tighter' : 'same';
}

function chains(old: Policy, next: Policy): Change {
  const kept = next.chains.map((chain): Change => {
    const before = old.chains.find(({ chainId }) => chainId === chain.chainId);
    if (!before) return 'looser';
    const tokens = chain.tokens.map((token): Change => {
      const was = before.tokens.find((listed) => listed.token === token.token);
      return was
        ? together((['perTransaction', 'perDay', 'perPayeePerDay'] as const).map((limit) => smaller(BigInt(was[limit]), BigInt(token[limit]))))
        : 'looser';
    });
    const lists = (['anchors', 'vaults', 'safes', 'timelocks'] as const).map((list) => subset(before[list], chain[list]));
    return together([...lists, ...tokens, chain.tokens.length < before.tokens.length ? 'tighter' : 'same']);
  });
  return together([...kept, next.chains.length < old.chains.length ? 'tighter' : 'same']);
}

function hours(old: Policy, next: Policy): Change {
  return together(
    INTENT_KINDS.map((kind): Change => {
      const [before, after] = [allowedMinutes(old, kind), allowedMinutes(next, kind)];
      if (after.some((allowed, minute) => allowed > before[minute]!)) return 'looser';
      return after.some((allowed, minute) => allowed < before[minute]!) ? 'tighter' : 'same';
    }),
  );
}

/** A rule with its approvers' keys in place of their names, so that a name which now stands for another key is seen. */
function rules(policy: Policy) {
  return policy.approvals.map((rule) => ({
    ...rule,
    approvers: rule.approvers.map((named) => {
      const approver = policy.approvers.find(({ name }) => name === named);
      return `${named} ${approver?.scheme} ${approver?.key}`;
    }),
  }));
}

/** Every rule of before must live on in one that asks at least as much, at least as often, of no other people. Rules on top only tighten. */
function approvals(old: Policy, next: Policy): Change {
  const [before, after] = [rules(old), rules(next)];
  const forgotten = before.some(
    (was) =>
      !after.some(
        (rule) =>
          was.kinds.every((kind) => rule.kinds.includes(kind)) &&
          (rule.token === null || rule.token === was.token) &&
          BigInt(rule.from) <= BigInt(was.from) &&
          rule.required >= was.required &&
          rule.approvers.every((approver) => was.approvers.includes(approver)) &&
          rule.longestLifeS <= was.longestLifeS,
      ),
  );
  if (forgotten) return 'looser';
  return JSON.stringify(before) === JSON.stringify(after) ? 'same' : 'tighter';
}

/** Who may change the policy: another key is never provably tighter, and fewer keys or a larger quorum are. */
function operators(old: Policy, next: Policy): Change {
  const [before, after] = [old, next].map(({ operators }) => operators.keys.map(({ name, key }) => `${name} ${key}`));
  return together([subset(before!, after!), larger(old.operators.quorum, next.operators.quorum)]);
}
