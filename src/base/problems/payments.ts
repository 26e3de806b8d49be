import type { ProblemDefinition } from './problems.ts';

/** Refusals of what merchants hand in: order files, quotes, authorisations, and the lists they are screened against. */
const FILE_PROBLEMS = {
  'payments/file-too-large': {
    status: 413,
    title: 'The order file is larger than we read',
    retry: 'never',
    howToSolve: 'Split the order over several files; each carries its own authorisation.',
  },
  'payments/too-many-payments': {
    status: 413,
    title: 'The order file has more payments than we take at once',
    retry: 'never',
    howToSolve: 'Split the order over several files; each carries its own authorisation.',
  },
  'payments/unsupported-encoding': {
    status: 400,
    title: 'The file’s characters cannot be read',
    retry: 'never',
    howToSolve: 'Write the file as UTF-8 (or UTF-16 or ISO-8859-1) and let the XML declaration say so.',
  },
  'payments/malformed-xml': {
    status: 400,
    title: 'The file is not well-formed XML',
    retry: 'never',
    howToSolve: 'Check the file with an XML parser at the place named; a cut-off upload is the usual cause.',
  },
  'payments/doctype-refused': {
    status: 400,
    title: 'The file carries a document type declaration',
    retry: 'never',
    howToSolve: 'Remove the DOCTYPE: ISO 20022 messages have none, and entities are a known way to attack a parser.',
  },
  'payments/xml-too-deep': {
    status: 400,
    title: 'The file’s elements are nested too deeply',
    retry: 'never',
    howToSolve: 'Send a plain pain.001 message.',
  },
  'payments/unsupported-message': {
    status: 400,
    title: 'The file is not a message we read',
    retry: 'never',
    howToSolve: 'Send pain.001.001.03 or pain.001.001.09 (national variants of the namespace are fine).',
  },
  'payments/missing-element': {
    status: 422,
    title: 'The message lacks an element',
    retry: 'never',
    howToSolve: 'Add the element named in the detail.',
  },
  'payments/repeated-element': {
    status: 422,
    title: 'The message has an element twice where one is allowed',
    retry: 'never',
    howToSolve: 'Keep one: of two readings of an order neither is safe.',
  },
  'payments/bad-element': {
    status: 422,
    title: 'An element of the message has a value its type forbids',
    retry: 'never',
    howToSolve: 'Correct the value named in the detail to the ISO 20022 type of the element.',
  },
  'payments/count-mismatch': {
    status: 422,
    title: 'The number of payments is not the number the file states',
    retry: 'never',
    howToSolve: 'Correct NbOfTxs, or find the payment that was lost or added on the way.',
  },
  'payments/control-sum-mismatch': {
    status: 422,
    title: 'The amounts do not add up to the file’s control sum',
    retry: 'never',
    howToSolve: 'Correct CtrlSum, or find the amount that changed on the way.',
  },
  'payments/schema-invalid': {
    status: 422,
    title: 'The file does not fit its XSD schema',
    retry: 'never',
    howToSolve: 'Correct the elements listed; the line numbers are the file’s.',
  },
  'payments/schema-unusable': {
    status: 500,
    title: 'The XSD schema cannot be used',
    retry: 'never',
    howToSolve: 'Give the path of a readable schema of the same message, for example pain.001.001.09.xsd.',
  },
} as const satisfies Record<string, ProblemDefinition>;

/** Each refuses one payment of a file; the others go on. */
const PAYMENT_PROBLEMS = {
  'payments/zero-amount': {
    status: 422,
    title: 'The payment’s amount is zero',
    retry: 'never',
    howToSolve: 'Instruct an amount above zero, or leave the payment out.',
  },
  'payments/unknown-currency': {
    status: 422,
    title: 'The currency is not in ISO 4217, or nobody can be paid in it',
    retry: 'never',
    howToSolve: 'Use a current ISO 4217 code with minor units.',
  },
  'payments/too-many-decimals': {
    status: 422,
    title: 'The amount is finer than the currency’s minor unit',
    retry: 'never',
    howToSolve: 'Round the amount to the currency’s ISO 4217 minor units (yen have none, dinars three).',
  },
  'payments/method-not-supported': {
    status: 422,
    title: 'The payment method is not one we carry out',
    retry: 'never',
    howToSolve: 'Instruct a transfer (PmtMtd TRF or TRA): we write no cheques.',
  },
  'payments/bad-iban': {
    status: 422,
    title: 'The IBAN is not valid',
    retry: 'never',
    howToSolve: 'Ask the payee for the IBAN again: length or check digits (ISO 7064 mod 97-10) are wrong.',
  },
  'payments/bad-bic': {
    status: 422,
    title: 'The BIC is not valid',
    retry: 'never',
    howToSolve: 'Use the 8 or 11 characters of ISO 9362.',
  },
  'payments/bad-uetr': {
    status: 422,
    title: 'The UETR is not a UUID of version 4',
    retry: 'never',
    howToSolve: 'Leave it out or send a lower-case UUIDv4.',
  },
  'payments/missing-creditor': {
    status: 422,
    title: 'The payment does not name its creditor',
    retry: 'never',
    howToSolve: 'Add Cdtr/Nm: a payee without a name cannot be screened.',
  },
  'payments/missing-creditor-account': {
    status: 422,
    title: 'The payment does not name the creditor’s account',
    retry: 'never',
    howToSolve: 'Add CdtrAcct/Id: the payee directory is searched by it.',
  },
  'payments/duplicate-payment': {
    status: 409,
    title: 'The same payment was instructed before',
    retry: 'never',
    howToSolve: 'If a second payment is really meant, give it an end-to-end id of its own.',
  },
} as const satisfies Record<string, ProblemDefinition>;

const QUOTE_PROBLEMS = {
  'payments/bad-tariff': {
    status: 422,
    title: 'The tariff contradicts itself or has a field out of range',
    retry: 'never',
    howToSolve: 'Correct the field named: amounts are strings of minor units, basis points whole numbers from 0 to 10000, minimum at most maximum.',
  },
  'payments/bad-rates': {
    status: 422,
    title: 'The exchange rates cannot be used',
    retry: 'never',
    howToSolve: 'Correct the field named: each rate is a positive plain decimal, in units of the pivot currency.',
  },
  'payments/no-corridor': {
    status: 422,
    title: 'No tariff covers this corridor',
    retry: 'never',
    howToSolve: 'Ask for a tariff with an entry for this instructed currency, payee asset and merchant asset.',
  },
  'payments/no-rate': {
    status: 422,
    title: 'There is no exchange rate for the currency',
    retry: 'never',
    howToSolve: 'Instruct another currency: the rates in force do not quote this one. Once they do, order the payment anew.',
  },
  'payments/rates-expired': {
    status: 503,
    title: 'The exchange rates are too old to quote from',
    retry: 'later',
    howToSolve: 'Wait for the next rates. A payment is tried again by itself, and refused after an hour without any: then order it anew.',
  },
  'payments/quote-expired': {
    status: 409,
    title: 'The quote has expired',
    retry: 'now',
    howToSolve: 'Ask for a new quote; the rate it locks may differ.',
  },
  'payments/amount-too-large': {
    status: 422,
    title: 'The amount is more than a payout or a balance can hold',
    retry: 'never',
    howToSolve: 'Split the payment: a payout holds at most 2^96 - 1 minor units, a balance 2^128 - 1.',
  },
  'payments/over-transaction-cap': {
    status: 422,
    title: 'The payment is more than the vault pays in one transaction',
    retry: 'never',
    howToSolve: 'Split the payment, each with an end-to-end id of its own, or ask the operator to raise the cap (which takes the timelock’s delay).',
  },
  'payments/over-daily-cap': {
    status: 422,
    title: 'The payment alone is more than the vault pays in a day',
    retry: 'never',
    howToSolve: 'Split the payment over several days, each part with an end-to-end id of its own, or ask the operator to raise the cap.',
  },
  'payments/book-disagrees': {
    status: 500,
    title: 'The book says something else of a payment than the payment does',
    retry: 'never',
    howToSolve: 'Compare the record with the payment and its events; the book is what is anchored. Nothing was changed by the comparison.',
  },
  'payments/bad-quote': {
    status: 422,
    title: 'The quote’s evidence cannot be read',
    retry: 'never',
    howToSolve: 'Show the evidence exactly as it was anchored.',
  },
} as const satisfies Record<string, ProblemDefinition>;

const IDENTITY_PROBLEMS = {
  'identity/bad-authorisation': {
    status: 400,
    title: 'The authorisation cannot be read',
    retry: 'never',
    howToSolve: 'Send exactly the members of the signed message: ids as lower-case UUIDs, integers as strings, bytes as hexadecimal.',
  },
  'identity/unsupported-scheme': {
    status: 400,
    title: 'The evidence is of a kind we do not verify',
    retry: 'never',
    howToSolve: 'Sign the message by EIP-712 (scheme "eip712").',
  },
  'identity/expired': {
    status: 422,
    title: 'The authorisation has expired',
    retry: 'never',
    howToSolve: 'Sign it again with a later expiry and a new nonce.',
  },
  'identity/wrong-merchant': {
    status: 403,
    title: 'The authorisation is another merchant’s',
    retry: 'never',
    howToSolve: 'Send it as the merchant it names.',
  },
  'identity/bad-signature': {
    status: 422,
    title: 'The signature is malformed',
    retry: 'never',
    howToSolve: 'Send r, s (lower half) and v (27 or 28): 65 bytes, as wallets give them for eth_signTypedData_v4.',
  },
  'identity/wrong-signer': {
    status: 403,
    title: 'The message was signed with another key, or for another chain or vault',
    retry: 'never',
    howToSolve: 'Sign exactly this message, with the key registered for the merchant, for the chain id and vault of this deployment.',
  },
  'identity/wrong-file': {
    status: 422,
    title: 'The merchant signed another file',
    retry: 'never',
    howToSolve: 'Send the file byte for byte as it was signed; an editor or a mail gateway may have changed it.',
  },
  'identity/wrong-count': {
    status: 422,
    title: 'The merchant signed another number of payments',
    retry: 'never',
    howToSolve: 'Count the CdtTrfTxInf of the file and sign that.',
  },
  'identity/wrong-control-sum': {
    status: 422,
    title: 'The merchant signed another sum',
    retry: 'never',
    howToSolve: 'Sign the plain sum of all instructed amounts, without trailing zeros.',
  },
  'identity/wrong-account': {
    status: 422,
    title: 'The merchant signed for another account',
    retry: 'never',
    howToSolve: 'Sign for the account the order is to be paid from.',
  },
  'identity/test-key-elsewhere': {
    status: 403,
    title: 'A public test key was asked to sign for a chain that is not local',
    retry: 'never',
    howToSolve: 'Sign with keys of your own; the example’s are printed in this repository and sign for chain 31337 only.',
  },
  'identity/nonce-used': {
    status: 409,
    title: 'The nonce was used by another message',
    retry: 'never',
    howToSolve: 'Sign with a nonce this merchant has not used.',
  },
} as const satisfies Record<string, ProblemDefinition>;

const RISK_PROBLEMS = {
  'risk/empty-list': {
    status: 503,
    title: 'A screening list has no entry',
    retry: 'later',
    howToSolve: 'Load the list again from its publisher: an empty list clears everybody, so none is accepted.',
  },
  'risk/bad-list': {
    status: 422,
    title: 'A screening list cannot be read',
    retry: 'never',
    howToSolve: 'Correct the line named, or load the files again in the format of their publisher.',
  },
} as const satisfies Record<string, ProblemDefinition>;

export const PAYMENTS_PROBLEMS = { ...FILE_PROBLEMS, ...PAYMENT_PROBLEMS, ...QUOTE_PROBLEMS, ...IDENTITY_PROBLEMS, ...RISK_PROBLEMS } as const satisfies Record<
  string,
  ProblemDefinition
>;
