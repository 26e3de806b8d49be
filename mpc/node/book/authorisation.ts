import { toHex, type Hex, type TimeMs } from '#base';
import { intentDigest, tokenSeparator, type AuthorisationIntent } from '#custody/intents';
import { refuse, type AuthorisationFacts, type Refusal, type Registration } from './core/core.ts';

/** The chain, as the node's own endpoints have it: final, and what any of them saw happen since. */
export type AuthorisationView =
  | { readonly listed: false; readonly witnessedMs: TimeMs }
  | {
      readonly listed: true;
      /** What the token calls its own EIP-712 domain. */
      readonly separator: string;
      /** Minor units at the address, in the final block. */
      readonly balance: bigint;
      /** The token took this authorisation, in whatever block. */
      readonly isTaken: boolean;
      /** It took the one before, in a final block; true of the first. */
      readonly wasTaken: boolean;
      readonly witnessedMs: TimeMs;
    };

export interface AuthorisationKnown {
  readonly registration: Registration;
  /** The address of the key that would sign; undefined where the node has none in that role. */
  readonly holder: Hex | undefined;
  /** The book has an asset that is this token: what arrives of it is booked. */
  readonly isBooked: boolean;
  /** The later of the node's clock and the newest block's. */
  readonly latestS: bigint;
  readonly view: AuthorisationView;
}

/** The longest that an authorisation is good for: it has to outlast finality and a busy chain, and no night. */
const LONGEST_AUTHORISATION_S = 86_400n;

/** What lies at a key's own address may come into the vault, where the book waits for it as nobody's. It can go nowhere else, and once: by the intent's form, and by the order of the nonces. */
export function judgeAuthorisation(
  { registration, holder, isBooked, latestS, view }: AuthorisationKnown,
  intent: AuthorisationIntent,
): AuthorisationFacts | Refusal {
  const { chainId, vault } = registration;
  const { token, from, value, index, validBeforeS } = intent;
  if (from !== holder) return refuse('holder-own', `The tokens lie at ${from}, and the ${intent.holder} key of this node is ${holder ?? 'none'}`);
  const expiry = BigInt(validBeforeS);
  if (expiry <= latestS) return refuse('validity', `It ended at ${expiry}, and it is ${latestS} (seconds since 1970)`);
  if (expiry - latestS > LONGEST_AUTHORISATION_S)
    return refuse('validity', `It would be good for ${expiry - latestS} s, and ${LONGEST_AUTHORISATION_S} s is the longest`);
  if (!view.listed) return refuse('token-listed', `The vault does not list the token ${token}`);
  if (!isBooked) return refuse('token-listed', `The book has no asset that is the token ${token}`);
  if (view.separator !== tokenSeparator(intent))
    return refuse('token-domain', `The token ${token} does not call itself "${intent.name}", version "${intent.version}"`);
  if (view.isTaken) return refuse('authorisation-next', `The token took authorisation ${index} of ${from} before`);
  if (!view.wasTaken) return refuse('authorisation-next', `The token did not finally take authorisation ${index - 1} of ${from}, which comes before ${index}`);
  if (value === 0n || value > view.balance) return refuse('value-held', `It moves ${value}, and ${view.balance} are at ${from} in the final block`);
  return {
    kind: 'authorisation',
    chainId,
    contracts: [
      { role: 'token', address: token },
      { role: 'vault', address: vault },
    ],
    payments: [{ token, payee: vault, amount: value, registered: false }],
    digest: toHex(intentDigest(intent)),
    witnessedMs: view.witnessedMs,
    holder: intent.holder,
    from,
    index,
    validBeforeS,
  };
}
