import { strict as assert } from 'node:assert';
import { encodeAbiParameters, toFunctionSelector } from 'viem';
import type { Hex } from '#base';
import { sweepNonce, tokenSeparator, type AuthorisationIntent, type Role } from '#custody/intents';
import type { Judgement } from '../../../../mpc/node/book/book.ts';
import { inForge, refuses, signs } from './support/attack.ts';
import type { Forge } from './support/forge.ts';
import { DEPTH, TOKENS, USD } from './support/samples.ts';
import type { Lie } from './support/fakeChain.ts';

const TOKEN = TOKENS.get(USD)!;
const HOLDERS: Readonly<Record<Role, Hex>> = { poster: `0x${'a7'.repeat(20)}`, vault: `0x${'a8'.repeat(20)}`, owner: `0x${'a9'.repeat(20)}` };
const STRANGER: Hex = `0x${'99'.repeat(20)}`;
const DOMAIN = { name: 'Test token tUSD', version: '1' };
const BALANCE = 5_000_000n;

/** Somebody sent tokens to the address of the vault signer's key, finally; the authorisation that fetches all of it, good for an hour, with what an attack changes. */
function strayed(forge: Forge, changes: Partial<AuthorisationIntent> = {}): AuthorisationIntent {
  const { chainId, vault } = forge.registration;
  const separator = tokenSeparator({ ...DOMAIN, chainId, token: TOKEN });
  const since = forge.chain.mine().number;
  forge.chain.tokens.set(TOKEN, { listed: true, separator, balances: [{ holder: HOLDERS.vault, amount: BALANCE, since }], taken: [] });
  forge.chain.finalise(DEPTH);
  const validBeforeS = Math.ceil(forge.nowMs / 1000) + 3_600;
  return {
    kind: 'authorisation',
    chainId,
    vault,
    token: TOKEN,
    ...DOMAIN,
    holder: 'vault',
    from: HOLDERS.vault,
    value: BALANCE,
    validBeforeS,
    index: 0,
    ...changes,
  };
}

function take(forge: Forge, intent: AuthorisationIntent, finally_: boolean): void {
  forge.chain.tokens.get(TOKEN)!.taken.push({ holder: intent.from, nonce: sweepNonce(intent), since: forge.chain.mine().number });
  if (finally_) forge.chain.finalise(DEPTH);
}

async function asked(forge: Forge, intent: AuthorisationIntent, more: Parameters<Forge['fed']>[0] = {}): Promise<Judgement> {
  forge.seal();
  return (await forge.fed({ addressOf: (role) => HOLDERS[role], ...more })).judge(intent, forge.nowMs);
}

/** An endpoint that answers this function of the token in its own way. */
function lying(forge: Forge, signature: string, answer: Hex): Promise<string> {
  const lie: Lie = (method, params) =>
    method === 'eth_call' && (params[0] as { data: Hex }).data.startsWith(toFunctionSelector(signature)) ? answer : undefined;
  return forge.chain.serve(lie);
}

const uint = (value: bigint): Hex => encodeAbiParameters([{ type: 'uint256' }], [value]);

describe('a signer’s book, asked to authorise what lies at the address of a key,', function () {
  this.timeout(60_000);

  inForge('agrees to all that is there, into the vault, and shows the policy where it goes', async (forge) => {
    const judgement = await asked(forge, strayed(forge));
    assert.ok(
      judgement.ok && judgement.facts.kind === 'authorisation',
      JSON.stringify(judgement, (_, value: unknown) => String(value)),
    );
    const { contracts, payments, holder, index } = judgement.facts;
    const { vault } = forge.registration;
    assert.deepEqual(contracts, [
      { role: 'token', address: TOKEN },
      { role: 'vault', address: vault },
    ]);
    assert.deepEqual(payments, [{ token: TOKEN, payee: vault, amount: BALANCE, registered: false }]);
    assert.deepEqual({ holder, index }, { holder: 'vault', index: 0 });
  });

  signs('agrees to a part of it', async (forge) => asked(forge, strayed(forge, { value: 1n })));

  signs('agrees to the next one once the one before was taken, finally', async (forge) => {
    const intent = strayed(forge);
    take(forge, intent, true);
    return asked(forge, { ...intent, index: 1 });
  });

  signs('agrees where two endpoints say the same', async (forge) =>
    asked(forge, strayed(forge), { urls: [await forge.chain.serve(), await forge.chain.serve()] }),
  );

  refuses('contract', 'refuses another destination than the vault', async (forge) => asked(forge, strayed(forge, { vault: STRANGER })));
  refuses('chain-id', 'refuses another chain', async (forge) => asked(forge, strayed(forge, { chainId: 1n })));
  refuses('holder-own', 'refuses the address of somebody else', async (forge) => asked(forge, strayed(forge, { from: STRANGER })));
  refuses('holder-own', 'refuses the address of another of its keys', async (forge) => asked(forge, strayed(forge, { holder: 'poster' })));
  refuses('holder-own', 'refuses where it has no such key', async (forge) => asked(forge, strayed(forge), { addressOf: () => undefined }));

  refuses('token-listed', 'refuses a token that the vault never listed', async (forge) => asked(forge, strayed(forge, { token: STRANGER })));
  refuses('token-listed', 'refuses a token that the vault lists and the book does not know', async (forge) => {
    const intent = strayed(forge, { token: STRANGER });
    const { name, version, chainId } = intent;
    const tokens = forge.chain.tokens;
    tokens.set(STRANGER, { ...tokens.get(TOKEN)!, separator: tokenSeparator({ name, version, chainId, token: STRANGER }) });
    return asked(forge, intent);
  });
  refuses('token-listed', 'refuses a token that is listed no more', async (forge) => {
    const intent = strayed(forge);
    forge.chain.tokens.get(TOKEN)!.listed = false;
    return asked(forge, intent);
  });

  refuses('token-domain', 'refuses a name that is not the token’s: the digest would be of something else', async (forge) =>
    asked(forge, strayed(forge, { name: 'CairnSettlementVault' })),
  );
  refuses('token-domain', 'refuses another version', async (forge) => asked(forge, strayed(forge, { version: '2' })));

  refuses('authorisation-next', 'refuses one that was taken: a replay', async (forge) => {
    const intent = strayed(forge);
    take(forge, intent, true);
    return asked(forge, intent);
  });
  refuses('authorisation-next', 'refuses one that was taken in a block that is not final', async (forge) => {
    const intent = strayed(forge);
    take(forge, intent, false);
    return asked(forge, intent);
  });
  refuses('authorisation-next', 'refuses a second nonce for the same money, while the first is open', async (forge) => {
    forge.seal();
    const intent = strayed(forge);
    const node = await forge.fed({ addressOf: (role) => HOLDERS[role] });
    assert.ok((await node.judge(intent, forge.nowMs)).ok);
    return node.judge({ ...intent, index: 1 }, forge.nowMs);
  });
  refuses('authorisation-next', 'refuses a second nonce while the first is taken, but not finally', async (forge) => {
    const intent = strayed(forge);
    take(forge, intent, false);
    return asked(forge, { ...intent, index: 1 });
  });
  refuses('authorisation-next', 'refuses a nonce from far ahead', async (forge) => asked(forge, strayed(forge, { index: Number.MAX_SAFE_INTEGER })));

  refuses('validity', 'refuses one that would be good for longer than a day', async (forge) => {
    const intent = strayed(forge);
    return asked(forge, { ...intent, validBeforeS: intent.validBeforeS + 86_400 });
  });
  refuses('validity', 'refuses one that has ended by its own clock', async (forge) =>
    asked(forge, strayed(forge, { validBeforeS: Math.floor(forge.nowMs / 1000) })),
  );
  refuses('validity', 'refuses one that has ended by the clock of the newest block', async (forge) => {
    const intent = strayed(forge);
    forge.chain.mine(intent.validBeforeS);
    return asked(forge, intent);
  });

  refuses('value-held', 'refuses a unit more than there is', async (forge) => asked(forge, strayed(forge, { value: BALANCE + 1n })));
  refuses('value-held', 'refuses nothing at all', async (forge) => asked(forge, strayed(forge, { value: 0n })));
  refuses('value-held', 'refuses what arrived in a block that is not final', async (forge) => {
    const intent = strayed(forge);
    forge.chain.tokens.get(TOKEN)!.balances.push({ holder: HOLDERS.vault, amount: 2n * BALANCE, since: forge.chain.mine().number });
    return asked(forge, { ...intent, value: 2n * BALANCE });
  });

  refuses('chain-agrees', 'refuses a balance that only one endpoint knows of', async (forge) =>
    asked(forge, strayed(forge, { value: 10n * BALANCE }), {
      urls: [await forge.chain.serve(), await lying(forge, 'balanceOf(address)', uint(10n * BALANCE))],
    }),
  );
  refuses('chain-agrees', 'refuses an earlier authorisation that only one endpoint saw taken', async (forge) =>
    asked(forge, strayed(forge, { index: 1 }), {
      urls: [await lying(forge, 'authorizationState(address,bytes32)', uint(1n)), await forge.chain.serve()],
    }),
  );
  refuses('chain-agrees', 'refuses a token of which two endpoints tell two domains', async (forge) =>
    asked(forge, strayed(forge), { urls: [await forge.chain.serve(), await lying(forge, 'DOMAIN_SEPARATOR()', uint(7n))] }),
  );
  refuses('chain-answers', 'refuses a token without EIP-3009', async (forge) =>
    asked(forge, strayed(forge), { urls: [await lying(forge, 'authorizationState(address,bytes32)', '0x')] }),
  );
});
