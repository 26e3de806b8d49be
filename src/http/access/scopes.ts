import { assert, Problem, type MerchantId } from '#base';

/** What a key may do. No scope implies another: a key carries exactly those it was issued with. */
export const SCOPES = [
  'ledger:read',
  'ledger:write',
  'payments:read',
  'payments:write',
  'payees:read',
  'payees:write',
  'receipts:read',
  'webhooks:read',
  'webhooks:write',
  'metrics:read',
  'admin',
] as const;

export type Scope = (typeof SCOPES)[number];

/** Who is asking. A public route has no caller at all, so that "no merchant" can never be mistaken for the operator. */
export type Caller =
  | { readonly kind: 'operator'; readonly keyId: string; readonly scopes: ReadonlySet<Scope> }
  | { readonly kind: 'merchant'; readonly merchant: MerchantId; readonly keyId: string; readonly scopes: ReadonlySet<Scope> };

export type Access = { readonly scope: Scope; readonly who: 'anyone' | 'operator' | 'merchant' };

/** Refuses with the first rule broken: the scope, then the kind of caller. */
export function authorise(caller: Caller, access: Access): void {
  if (!caller.scopes.has(access.scope)) {
    throw new Problem('http/scope-missing', `This needs the scope ${access.scope}.`, { scope: access.scope });
  }
  if (access.who === 'operator' && caller.kind !== 'operator') {
    throw new Problem('http/operator-only', 'This key belongs to a merchant.');
  }
  if (access.who === 'merchant' && caller.kind !== 'merchant') {
    throw new Problem('http/merchant-only', 'This key belongs to the operator.');
  }
}

/** The owner of whatever the caller makes: stable over the rotation of keys. */
export function ownerOf(caller: Caller): string {
  return caller.kind === 'merchant' ? caller.merchant : 'operator';
}

/** A thing that belongs to `owner` is visible to the operator and to that merchant only; to others it does not exist. */
export function maySee(caller: Caller, owner: string): boolean {
  return caller.kind === 'operator' || caller.merchant === owner;
}

/** The merchant a list or a quote is about: a merchant's own, always; the operator has to name one. */
export function merchantConcerned(caller: Caller, named: MerchantId | undefined): MerchantId {
  if (caller.kind === 'merchant') {
    if (named !== undefined && named !== caller.merchant) throw new Problem('http/not-allowed-here', 'Another merchant is named in the query.');
    return caller.merchant;
  }
  if (named === undefined)
    throw new Problem('http/invalid-request', 'query.merchant: the operator has to name a merchant.', {
      errors: [{ field: 'query.merchant', message: 'the operator has to name a merchant' }],
      count: 1,
    });
  return named;
}

/** On routes for merchants only, which `authorise` has seen to. */
export function merchantOf(caller: Caller): MerchantId {
  assert(caller.kind === 'merchant', 'a route for merchants runs only for one');
  return caller.merchant;
}
