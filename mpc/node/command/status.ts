import type { WatchStatus } from '../watch/watch.ts';

interface Status {
  readonly party: number;
  readonly fingerprint: string;
  readonly threshold: number;
  readonly parties: number;
  readonly peersReady: boolean;
  readonly policy: { readonly version: number; readonly hash: string; readonly stop: string };
  readonly keys: readonly {
    readonly role: string;
    readonly address: string;
    readonly epoch: number;
    readonly status: string;
    readonly confirmed: boolean;
    readonly suspended: readonly (readonly number[])[];
    readonly pairs: readonly { readonly peer: number; readonly status: string; readonly generation: number }[];
  }[];
  readonly watch: WatchStatus | null;
  readonly poisonings: readonly { readonly peer: number; readonly check: string; readonly atMs: number }[];
}

/** A node's status for a person. */
export function tellStatus(answer: unknown, tell: (line: string) => void): void {
  const { party, parties, threshold, fingerprint, peersReady, policy, keys, poisonings, watch } = answer as Status;
  tell(`party ${party} of ${parties}, ${threshold} must sign`);
  tell(`fingerprint   ${fingerprint}`);
  tell(`peers         ${peersReady ? 'all have confirmed what they remember of this node' : 'not all have been heard yet'}`);
  tell(`policy        version ${policy.version}, ${policy.hash}${policy.stop === 'nothing' ? '' : `, STOPPED: ${policy.stop}`}`);
  if (keys.length === 0) tell('keys          none yet: cairn node ceremony');
  for (const key of keys) {
    tell(
      `${key.role.padEnd(14)}${key.address}  epoch ${key.epoch}  ${key.status}${key.status === 'PENDING' && key.confirmed ? ', confirmed by this node' : ''}`,
    );
    for (const pair of key.pairs) tell(`              with party ${pair.peer}: ${pair.status}, generation ${pair.generation}`);
    for (const peers of key.suspended) tell(`              SUSPENDED with ${peers.join(' and ')}: too many signatures came out invalid`);
  }
  for (const { operation, objection, cancelling } of watch?.pending ?? [])
    tell(`timelock      ${operation}: ${objection ? `OBJECTED (${objection})${cancelling ? `, cancelled by ${cancelling}` : ''}` : 'agreed'}`);
  if (watch?.owner) tell(`gas           ${watch.owner.address} has ${watch.owner.balanceWei} wei, and should have ${watch.owner.reserveWei}`);
  for (const { code, detail } of watch?.alarms ?? []) tell(`ALARM         ${detail} (${code})`);
  for (const { peer, check, atMs } of poisonings) tell(`poisoned      by party ${peer} at ${new Date(atMs).toISOString()} (${check})`);
}
