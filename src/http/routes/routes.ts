import type { Route } from '../frame/route.ts';
import { BATCH_ROUTES } from './batches.ts';
import { KEY_ROUTES } from './keys.ts';
import { PAYEE_ROUTES } from './payees.ts';
import { PAYMENT_ROUTES } from './payments.ts';

/** Every route that takes an API key. Mounting, documentation and the authorisation test all read this table. */
export const ROUTES: readonly Route[] = [...PAYEE_ROUTES, ...PAYMENT_ROUTES, ...BATCH_ROUTES, ...KEY_ROUTES];
