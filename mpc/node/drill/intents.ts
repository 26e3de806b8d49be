import type { Hex } from '#base';
import type { AnchorIntent } from '#custody/intents';

const ANCHOR: Hex = `0x${'a1'.repeat(20)}`;

/** An anchor of a contract that stands nowhere: whoever gets its signature has nothing. */
export function anchorIntent(leaf: Hex): AnchorIntent {
  return { kind: 'anchor', chainId: 31_337n, anchor: ANCHOR, previous: `0x${'00'.repeat(32)}`, leaf };
}

/** Anchors of that contract, at any hour, by nobody's approval. */
export const rehearsalPolicy = {
  format: 'cairn-node-policy/1',
  version: 1,
  stop: 'nothing',
  clock: { backwardsS: 60, witnessS: null },
  kinds: ['anchor'],
  chains: [{ chainId: '31337', anchors: [ANCHOR], vaults: [], safes: [], timelocks: [], tokens: [] }],
  payees: { registered: true, only: null },
  hours: [],
  approvers: [],
  approvals: [],
  operators: { quorum: 1, keys: [{ name: 'operator', key: `0x${'01'.repeat(32)}` }] },
  changes: { tighteningDelayS: 0, looseningDelayS: 60 },
};
