import { Problem, toHex, type Eip712Domain, type Hex, type MerchantId, type OrderId, type PayeeId, type TimeMs } from '#base';
import { parseCanonicalJson } from '#anchor/core';
import {
  messageDigest,
  parseAuthorisation,
  verifyMerchantKey,
  verifyOrder,
  verifyPayee,
  verifyWallet,
  type Authorisation,
  type MessageKind,
  type Messages,
  type VerificationContext,
  type Verified,
} from '#identity/core';
import type { LedgerRecord, State } from '#ledger/core';
import { mayOwe, parsePain001 } from '#payments/core';
import { isFault, orFault } from './evidence.ts';
import type { Fault, Rule } from './rules.ts';

/** A message that the merchant signed by the key in force in the book; whether the operators know that key is asked when it matters. */
interface SignedMessage<Kind extends MessageKind> {
  readonly seq: bigint;
  readonly nowMs: TimeMs;
  readonly digest: Hex;
  readonly signer: Hex;
  readonly message: Messages[Kind];
}

/** What a hold is compared with, of each line of a signed file. */
export interface OrderLine {
  readonly endToEndId: string;
  readonly creditorName: string;
  readonly creditorAccount: string;
  readonly currency: string;
  readonly instructed: string;
  readonly amountMinor: bigint;
  /** Why nobody may be paid by it; null where he may. */
  readonly defect: string | null;
}

export type KnownPayee = SignedMessage<'Payee'>;
export interface KnownOrder extends SignedMessage<'Order'> {
  readonly lines: readonly OrderLine[];
}

type Of<Kind extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: Kind }>;
type SignedRecord = Of<'merchant'> | Of<'wallet'> | Of<'payee'> | Of<'order'>;

const UNSIGNED: Readonly<Record<SignedRecord['kind'], Rule>> = {
  merchant: 'merchant-key',
  wallet: 'deposit-backed',
  payee: 'payee-signed',
  order: 'order-signed',
};

/** Which rule the refusal of a verifier breaks. */
function ruleOf(kind: SignedRecord['kind'], { code }: Problem): Rule {
  if (code === 'identity/expired') return 'not-expired';
  if (code === 'identity/nonce-used') return 'nonce-once';
  if (code === 'identity/wrong-file' || code === 'identity/wrong-count' || code === 'identity/wrong-control-sum' || code.startsWith('payments/'))
    return 'order-file';
  return UNSIGNED[kind];
}

/** What the merchants have signed for, up to a place in the book. A record without a valid signature is a record all the same; it just gives nobody any authority. */
export class Authority {
  readonly #domain: Eip712Domain;
  readonly #keys = new Map<MerchantId, Hex>();
  readonly #wallets = new Map<Hex, MerchantId>();
  readonly #nonces = new Map<string, Hex>();
  readonly #orders = new Map<OrderId, KnownOrder | Fault>();
  readonly #payees = new Map<PayeeId, KnownPayee | Fault>();
  /** The entry in force by merchant and account: the last one that he signed. */
  readonly #newest = new Map<string, PayeeId>();

  constructor(domain: Eip712Domain) {
    this.#domain = domain;
  }

  hasMerchant(merchant: MerchantId): boolean {
    return this.#keys.has(merchant);
  }

  ownerOf(wallet: Hex): MerchantId | null {
    return this.#wallets.get(wallet) ?? null;
  }

  order(id: OrderId): KnownOrder | Fault {
    return this.#orders.get(id) ?? { rule: 'order-signed', reason: `the records before it have no order ${id}` };
  }

  payee(id: PayeeId): KnownPayee | Fault {
    return this.#payees.get(id) ?? { rule: 'payee-signed', reason: `the records before it have no payee ${id}` };
  }

  newestPayee(merchant: MerchantId, account: string): PayeeId | undefined {
    return this.#newest.get(`${merchant} ${account}`);
  }

  /** Takes the record of a merchant's message. `file`: what the feed shows as the order's. */
  step(state: State, record: LedgerRecord, file: Uint8Array | null): void {
    switch (record.kind) {
      case 'merchant':
        return void orFault('merchant-key', () => this.#merchant(record));
      case 'wallet':
        return void orFault('deposit-backed', () => this.#wallet(record));
      case 'payee':
        return this.#payee(record);
      case 'order':
        return void this.#orders.set(
          record.order,
          orFault(
            (problem) => ruleOf('order', problem),
            () => this.#order(state, record, file),
          ),
        );
      default:
        return;
    }
  }

  #merchant(record: Of<'merchant'>): void {
    const signed = this.#read(record, 'MerchantKey');
    demand(signed.message.key === record.key, `the record says ${record.key}, the merchant signed for ${signed.message.key}`);
    this.#conclude(signed, verifyMerchantKey(signed, this.#context(record), this.#keys.get(record.merchant) ?? null));
    this.#keys.set(record.merchant, record.key);
  }

  #wallet(record: Of<'wallet'>): void {
    const signed = this.#read(record, 'Wallet');
    demand(signed.message.wallet === record.wallet, `the record says ${record.wallet}, the wallet that signed is ${signed.message.wallet}`);
    this.#conclude(signed, verifyWallet(signed, this.#context(record)));
    this.#wallets.set(record.wallet, record.merchant);
  }

  #payee(record: Of<'payee'>): void {
    const known = orFault(
      (problem) => ruleOf('payee', problem),
      (): KnownPayee => {
        const signed = this.#read(record, 'Payee');
        demand(signed.message.payee === record.payee, `the merchant signed for payee ${signed.message.payee}`);
        const { digest, signer } = this.#conclude(signed, verifyPayee(signed, this.#context(record), this.#requireKey(record.merchant)));
        return { seq: record.seq, nowMs: record.nowMs, digest, signer, message: signed.message };
      },
    );
    this.#payees.set(record.payee, known);
    if (!isFault(known)) this.#newest.set(`${record.merchant} ${known.message.account}`, record.payee);
  }

  #order(state: State, record: Of<'order'>, file: Uint8Array | null): KnownOrder {
    const signed = this.#read(record, 'Order');
    const { message } = signed;
    demand(message.order === record.order, `the merchant signed for order ${message.order}`);
    demand(message.count === BigInt(record.count), `the record counts ${record.count} payments, the merchant signed for ${message.count}`);
    const account = state.accounts.get(message.account);
    demand(account?.owner === record.merchant, `the account ${message.account} is not the merchant’s`);
    demand(!mayOwe(account!), `the account ${message.account} may owe, so that it would pay with money of others`);
    const key = this.#requireKey(record.merchant);
    if (!file) throw new Problem('payments/file-differs', 'the feed does not show its file');
    const parsed = parsePain001(file, ['payments/count-mismatch']);
    const verified = this.#conclude(signed, verifyOrder(signed, parsed, { ...this.#context(record), key, account: message.account }));
    const lines = parsed.payments.map((payment): OrderLine => {
      const { endToEndId, creditor, creditorAccount, currency, instructedAmount, amountMinor, defects } = payment;
      const held = { endToEndId, creditorName: creditor.name, creditorAccount: creditorAccount.id, currency, instructed: instructedAmount, amountMinor };
      return { ...held, defect: defects[0]?.detail.replace(/\.$/, '') ?? null };
    });
    return { seq: record.seq, nowMs: record.nowMs, digest: verified.digest, signer: verified.signer, message, lines };
  }

  /** The signed message out of the record's own evidence, and that the record names exactly it. */
  #read<Kind extends MessageKind>(record: SignedRecord, kind: Kind): Authorisation<Kind> {
    const json = record.fields?.authorisation;
    if (json === undefined) throw badSignature('the signed message is not shown');
    const signed = parseAuthorisation(kind, parseCanonicalJson(json));
    const digest = toHex(messageDigest(this.#domain, kind, signed.message));
    demand(digest === record.authorisation, `the record names the message ${record.authorisation}, its evidence is ${digest}`);
    return signed;
  }

  #conclude<Kind extends MessageKind>({ message }: Authorisation<Kind>, verified: Verified): Verified {
    this.#nonces.set(`${message.merchant} ${message.nonce}`, verified.digest);
    return verified;
  }

  #context({ merchant, nowMs }: SignedRecord): VerificationContext {
    return { domain: this.#domain, nowMs, merchant, nonces: { usedBy: (whose, nonce) => this.#nonces.get(`${whose} ${nonce}`) ?? null } };
  }

  #requireKey(merchant: MerchantId): Hex {
    const key = this.#keys.get(merchant);
    if (key === undefined) throw badSignature(`merchant ${merchant} has no key up to here`);
    return key;
  }
}

function badSignature(what: string): Problem {
  return new Problem('identity/bad-authorisation', what);
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw badSignature(otherwise);
}
