import type { Route } from '../frame/route.ts';
import { ACCOUNT_ROUTES } from './accounts.ts';
import { BATCH_ROUTES } from './batches.ts';
import { KEY_ROUTES } from './keys.ts';
import { PAYEE_ROUTES } from './payees.ts';
import { PAYMENT_ROUTES } from './payments.ts';
import { RECORD_ROUTES } from './records.ts';
import { TRANSFER_ROUTES } from './transfers.ts';
import { WEBHOOK_ROUTES } from './webhooks.ts';

/** Every route that takes an API key. Mounting, documentation and the authorisation test all read this table. */
export const ROUTES: readonly Route[] = [
  ...ACCOUNT_ROUTES,
  ...TRANSFER_ROUTES,
  ...RECORD_ROUTES,
  ...PAYEE_ROUTES,
  ...PAYMENT_ROUTES,
  ...BATCH_ROUTES,
  ...WEBHOOK_ROUTES,
  ...KEY_ROUTES,
];
