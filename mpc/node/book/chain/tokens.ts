import { parseAbi } from 'viem';
import { sweepNonce, type AuthorisationIntent } from '#custody/intents';
import type { Refusal, Registration } from '../core/core.ts';
import type { AuthorisationView } from '../authorisation.ts';
import { isRefusal, type Look } from './endpoints.ts';

/** Read from the standards (ERC-20, EIP-2612, EIP-3009) and from the vault's interface, not from our build. */
const TOKEN = parseAbi([
  'function balanceOf(address account) view returns (uint256)',
  'function DOMAIN_SEPARATOR() view returns (bytes32)',
  'function authorizationState(address authorizer, bytes32 nonce) view returns (bool)',
]);
const VAULT = parseAbi(['function caps(address token) view returns (bool listed, uint96 perTransaction, uint96 perDay)']);

/** What the chain says of the token, of the address and of the nonces that an authorisation is about. A contract that answers none of it, or otherwise than its endpoints agree on, is no such token. */
export async function readAuthorisation(look: Look, { vault }: Registration, intent: AuthorisationIntent): Promise<AuthorisationView | Refusal> {
  const { token, from, index } = intent;
  const { final } = look;
  const at = { abi: TOKEN, address: token, blockNumber: final.number } as const;
  const nonce = sweepNonce(intent);
  const read = await look.agreed(`the token ${token}`, async (client) => {
    const isTaken = (number: number) =>
      client.readContract({ ...at, functionName: 'authorizationState', args: [from, sweepNonce({ ...intent, index: number })] });
    const [listed] = await client.readContract({ abi: VAULT, address: vault, functionName: 'caps', args: [token], blockNumber: final.number });
    // Nothing is asked of a contract that nobody listed.
    if (!listed) return null;
    return {
      separator: (await client.readContract({ ...at, functionName: 'DOMAIN_SEPARATOR' })).toLowerCase(),
      balance: await client.readContract({ ...at, functionName: 'balanceOf', args: [from] }),
      isTaken: await isTaken(index),
      wasTaken: index === 0 || (await isTaken(index - 1)),
    };
  });
  if (isRefusal(read)) return read;
  const witnessedMs = Number(final.timestampS) * 1000;
  if (read === null) return { listed: false, witnessedMs };
  const newest = await look.each(`authorisation ${nonce}`, (client) =>
    client.readContract({ abi: TOKEN, address: token, functionName: 'authorizationState', args: [from, nonce], blockTag: 'latest' }),
  );
  if (isRefusal(newest)) return newest;
  return { ...read, listed: true, isTaken: read.isTaken || newest.includes(true), witnessedMs };
}
