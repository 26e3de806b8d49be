import { ANCHOR_PROBLEMS } from './anchor.ts';
import { AUDIT_PROBLEMS } from './audit.ts';
import { CHAIN_PROBLEMS } from './chain.ts';
import { CLI_PROBLEMS } from './cli.ts';
import { CUSTODY_PROBLEMS, GOVERNANCE_PROBLEMS } from './custody.ts';
import { HTTP_PROBLEMS } from './http.ts';
import { BOOKS_PROBLEMS, INTERBOOK_PROBLEMS, LEDGER_PROBLEMS } from './ledger.ts';
import { SESSION_PROBLEMS } from './mpc/session.ts';
import { WIRE_PROBLEMS } from './mpc/wire.ts';
import { MPC_KEYS_PROBLEMS } from './mpc/keys.ts';
import { MPC_PROTOCOL_PROBLEMS } from './mpc/protocol.ts';
import { MPC_NODE_PROBLEMS } from './mpc/node.ts';
import { MPC_POLICY_PROBLEMS } from './mpc/policy.ts';
import { DECISION_PROBLEMS } from './mpc/decision.ts';
import { ORDERS_PROBLEMS } from './orders.ts';
import { PAYMENTS_PROBLEMS } from './payments.ts';
import { SETTLEMENT_PROBLEMS } from './settlement.ts';
import { STORE_PROBLEMS } from './store.ts';

/** When a refused request may be sent again: never unchanged, after a while, or at once with the same idempotency key. */
export type RetryAdvice = 'never' | 'later' | 'now';

export interface ProblemDefinition {
  /** HTTP status (RFC 9110). */
  readonly status: number;
  /** The same words every time (RFC 9457 `title`). */
  readonly title: string;
  readonly retry: RetryAdvice;
  readonly howToSolve: string;
}

/** What any folder may refuse. */
const BASE_PROBLEMS = {
  'base/bad-amount': {
    status: 400,
    title: 'The amount is not one this asset can hold',
    retry: 'never',
    howToSolve: 'Send a plain decimal without sign or exponent, with at most the asset’s own number of decimals.',
  },
} as const satisfies Record<string, ProblemDefinition>;

/** The one registry of refusals; docs/errors.md is compared with it by a test. A code is area/slug and never changes its meaning. */
export const PROBLEMS = {
  ...ANCHOR_PROBLEMS,
  ...AUDIT_PROBLEMS,
  ...BASE_PROBLEMS,
  ...BOOKS_PROBLEMS,
  ...CHAIN_PROBLEMS,
  ...CLI_PROBLEMS,
  ...CUSTODY_PROBLEMS,
  ...DECISION_PROBLEMS,
  ...GOVERNANCE_PROBLEMS,
  ...HTTP_PROBLEMS,
  ...INTERBOOK_PROBLEMS,
  ...LEDGER_PROBLEMS,
  ...MPC_KEYS_PROBLEMS,
  ...MPC_PROTOCOL_PROBLEMS,
  ...MPC_NODE_PROBLEMS,
  ...MPC_POLICY_PROBLEMS,
  ...ORDERS_PROBLEMS,
  ...PAYMENTS_PROBLEMS,
  ...SESSION_PROBLEMS,
  ...SETTLEMENT_PROBLEMS,
  ...STORE_PROBLEMS,
  ...WIRE_PROBLEMS,
} as const;

export type ProblemCode = keyof typeof PROBLEMS;
