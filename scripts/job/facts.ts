import type { Hex } from '#base';

/** What the job did, for a program (`--json`) and for the tables. Amounts are plain decimals with the asset's symbol beside them. */
export interface JobFacts {
  readonly format: 'cairn-job/1';
  /** Every line below verified: the exit code is 0 only then. */
  readonly ok: boolean;
  readonly simulated: readonly string[];
  readonly deployment: {
    readonly chainId: string;
    readonly rpcUrl: string;
    readonly book: string;
    readonly anchor: Hex;
    readonly vault: Hex;
    readonly timelock: Hex;
    readonly tokens: readonly { readonly symbol: string; readonly address: Hex; readonly decimals: number }[];
  };
  readonly deposits: readonly DepositFact[];
  readonly payments: readonly PaymentFact[];
  readonly instructions: readonly InstructionFact[];
  readonly anchors: readonly AnchorFact[];
  readonly reconciliation: readonly ReconciliationFact[];
  readonly timing: { readonly startedMs: number; readonly setUpMs: number; readonly jobMs: number; readonly peakMemoryMiB: number };
}

export interface DepositFact {
  readonly owner: string;
  readonly asset: string;
  readonly amount: string;
  readonly method: string;
  readonly transaction: Hex;
  readonly seq: string;
}

export interface PaymentFact {
  readonly id: string;
  readonly merchant: string;
  readonly endToEndId: string;
  readonly payee: string;
  readonly instructed: string;
  readonly currency: string;
  readonly state: string;
  readonly reasonCode: string | null;
  readonly reason: string | null;
  readonly pays: { readonly amount: string; readonly asset: string } | null;
  readonly costs: { readonly total: string; readonly fee: string; readonly spread: string; readonly rounding: string; readonly asset: string } | null;
  /** Units of the merchant's asset for one of the ordered currency, spread included; null where they are the same money. */
  readonly rate: string | null;
  readonly transaction: Hex | null;
  readonly receipt: string | null;
  /** null where there is nothing to prove: the payment was refused before any record. */
  readonly verified: boolean | null;
  readonly problem: string | null;
}

export interface InstructionFact {
  readonly instruction: Hex;
  readonly asset: string;
  readonly count: number;
  readonly paid: number;
  readonly returned: number;
  readonly total: string;
  readonly transactions: readonly { readonly hash: Hex; readonly gas: string }[];
}

export interface AnchorFact {
  readonly index: number;
  readonly firstSeq: string;
  readonly lastSeq: string;
  readonly transaction: Hex;
  readonly block: string;
  readonly gas: string;
}

export interface ReconciliationFact {
  readonly asset: string;
  readonly chain: string;
  readonly ledger: string;
  readonly payments: string;
  readonly contradictions: readonly string[];
}
