import type { BookId, Clock, Hex } from '#base';
import type { Database } from '#db';
import type { ChainClient } from '../client/types.ts';

export interface TokenWanted {
  readonly symbol: string;
  readonly decimals: number;
  /** An existing token. Without it a test stablecoin is made, on a local chain only. */
  readonly address?: Hex;
  /** Most minor units that one transaction may pay, and one UTC day. */
  readonly perTransaction: bigint;
  readonly perDay: bigint;
}

export interface DeployOptions {
  readonly database: Database;
  readonly client: ChainClient;
  readonly clock: Clock;
  /** Pays, and issues the test stablecoins. Ends without any role in the contracts. Not the relayer's key. */
  readonly deployerKey: Hex;
  /** Somebody asked for a deployment on exactly this chain: without it chain/consent-needed, and nothing is sent. */
  readonly consent: boolean;
  /** The book that the vault serves, for ever. */
  readonly book: BookId;
  /** Addresses of the three keys as they are now: who anchors, who pays, who governs. chain/keys-differ where a deployment of before names others. */
  readonly signers: { readonly poster: Hex; readonly vault: Hex; readonly owner: Hex };
  /** May pause and cancel. */
  readonly guardian: Hex;
  /** Two people's keys, none of them the server's: owners of the Safe beside the group's owner key. */
  readonly operators: readonly Hex[];
  readonly timelockDelayS: number;
  readonly tokens: readonly TokenWanted[];
  /** Wei for keys that pay gas (the relayer's): sent with the deployment. */
  readonly funding?: readonly { readonly to: Hex; readonly wei: bigint }[];
  readonly onProgress?: (progress: DeployProgress) => void;
  /** Called between two looks at the chain: waits, or mines. 200 ms unless said. */
  readonly rest?: () => Promise<void>;
  /** Stops between two looks; the next start goes on from there. */
  readonly signal?: AbortSignal;
}

export interface DeployProgress {
  /** 'timelock', 'anchor', 'vault', 'token tUSD', ... */
  readonly step: string;
  readonly done: number;
  readonly of: number;
}

export interface DeployedToken {
  readonly symbol: string;
  readonly decimals: number;
  readonly address: Hex;
}

/** The contracts that every Safe of a chain shares. */
export interface SafeContracts {
  readonly singleton: Hex;
  readonly factory: Hex;
  readonly fallbackHandler: Hex;
  readonly multiSend: Hex;
  readonly multiSendCallOnly: Hex;
}

export interface Deployment {
  readonly chainId: bigint;
  /** The only proposer of the timelock. */
  readonly safe: Hex;
  readonly safeContracts: SafeContracts;
  /** Owns anchor and vault, and itself. */
  readonly timelock: Hex;
  readonly anchor: Hex;
  readonly vault: Hex;
  readonly tokens: readonly DeployedToken[];
  readonly deployer: Hex;
  /** The first block of the deployment: scans begin here. */
  readonly block: { readonly number: bigint; readonly hash: Hex };
}
