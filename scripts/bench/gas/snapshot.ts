import { keccak_256 } from '@noble/hashes/sha3.js';
import { privateKeyToAddress } from 'viem/accounts';
import { concat, fromHex, hashTypedData, toHex, utf8, type Hex } from '#base';
import { intentDigest } from '#custody/intents';
import { anchorFromEmpty, deployAnchor, word } from './anchors.ts';
import { contracts, openEvm, signDigest, START_S, type Evm } from './evm.ts';
import { marginal, payArguments, payGas, payments, setScene, USUAL, VAULT_KEY, type Scene } from './payouts.ts';

const PAYER_KEY = toHex(keccak_256(utf8('gas report: payer')));

/**
 * Whole-transaction gas of everything that the deployment sends, to the unit. The dates, keys and payees are fixed and signatures deterministic, so only a change of the contracts or of the compiler
 * changes it. Amounts of gas by what they are for.
 */
export async function gasSnapshot(): Promise<Readonly<Record<string, number>>> {
  const evm = await openEvm();
  try {
    const contract = contracts();
    const gas: Record<string, bigint> = {};
    const anchors = await anchorFromEmpty(evm, await deployAnchor(evm, contract('LedgerAnchor')), 1024);
    gas['anchor, average of 1 to 1,024'] = anchors.average;
    gas['anchor, worst of 1 to 1,024'] = anchors.worst;

    const plain = await evm.deploy(contract('PlainToken'), []);
    const scene = await setScene(evm, contract, plain);
    await payGas(evm, scene, payments('first', 1), 0, USUAL);
    const pay = async (size: number, index: number): Promise<{ fresh: bigint; existing: bigint }> => ({
      fresh: await payGas(evm, scene, payments(`payees ${size}`, size), index, USUAL),
      existing: await payGas(evm, scene, payments(`payees ${size}`, size), index + 1, USUAL),
    });
    const lines = new Map([
      [10, await pay(10, 1)],
      [255, await pay(255, 3)],
    ]);
    const each = marginal(lines, 10, 255);
    gas['pay, marginal a fresh payee'] = each.fresh;
    gas['pay, marginal an existing payee'] = each.existing;
    gas['pay, ten fresh payees'] = lines.get(10)!.fresh;
    gas['pay, 255 existing payees'] = lines.get(255)!.existing;

    const stablecoin = await evm.deploy(contract('TestStablecoin'), ['gas', 'GAS', 6, evm.account]);
    const real = await setScene(evm, contract, stablecoin);
    Object.assign(gas, await exceptions(evm, real), await deposits(evm, real));
    return Object.fromEntries(Object.entries(gas).map(([what, amount]) => [what, Number(amount)]));
  } finally {
    await evm.close();
  }
}

/** A payee who is blocked, retried, and one who is cancelled. */
async function exceptions(evm: Evm, scene: Scene): Promise<Record<string, bigint>> {
  const list = payments('blocked', 3);
  const [first, second] = list.map(({ payee }) => payee);
  await scene.token.gas('setBlocked', [first, true]);
  await scene.token.gas('setBlocked', [second, true]);
  const args = await payArguments(evm, scene, list, 0, USUAL);
  await scene.vault.gas('pay', args.slice(0, 5));
  await scene.token.gas('setBlocked', [first, false]);
  const instruction = args[5] as Hex;
  const signature = await signDigest(VAULT_KEY, intentDigest({ kind: 'cancel', chainId: evm.chainId, vault: scene.vault.address, instruction, index: 1 }));
  return {
    'retry, one payee': await scene.vault.gas('retry', [args[0], args[1], [0]]),
    cancel: await scene.vault.gas('cancel', [instruction, 1, signature]),
  };
}

/** A deposit by EIP-3009 and one by permit, each by somebody who relays it. */
async function deposits(evm: Evm, { vault, token }: Scene): Promise<Record<string, bigint>> {
  const payer = privateKeyToAddress(PAYER_KEY).toLowerCase() as Hex;
  await token.gas('mint', [payer, 10n ** 12n]);
  const value = 250_000_000n;
  const deadline = BigInt(START_S) + 86_400n;
  const reference = toHex(concat(word('merchant', 0).slice(0, 16), new Uint8Array(16)));
  const salt = toHex(word('salt', 0));
  const split = (signature: Hex): { v: number; r: Hex; s: Hex } => {
    const bytes = fromHex(signature);
    return { v: bytes[64] ?? 0, r: toHex(bytes.slice(0, 32)), s: toHex(bytes.slice(32, 64)) };
  };
  const tokenDomain = { name: 'Test token gas', version: '1', chainId: evm.chainId, verifyingContract: token.address };

  const authorization = hashTypedData(
    tokenDomain,
    {
      name: 'ReceiveWithAuthorization',
      members: [
        ['address', 'from'],
        ['address', 'to'],
        ['uint256', 'value'],
        ['uint256', 'validAfter'],
        ['uint256', 'validBefore'],
        ['bytes32', 'nonce'],
      ],
    },
    { from: payer, to: vault.address, value, validAfter: 0n, validBefore: deadline, nonce: toHex(keccak_256(concat(fromHex(reference), fromHex(salt)))) },
  );
  const by3009 = split(await signDigest(PAYER_KEY, authorization));
  const permit = hashTypedData(
    tokenDomain,
    {
      name: 'Permit',
      members: [
        ['address', 'owner'],
        ['address', 'spender'],
        ['uint256', 'value'],
        ['uint256', 'nonce'],
        ['uint256', 'deadline'],
      ],
    },
    { owner: payer, spender: vault.address, value, nonce: 0n, deadline },
  );
  const deposit = hashTypedData(
    { name: 'CairnSettlementVault', version: '1', chainId: evm.chainId, verifyingContract: vault.address },
    {
      name: 'DepositReference',
      members: [
        ['address', 'owner'],
        ['address', 'token'],
        ['uint256', 'value'],
        ['bytes32', 'reference'],
        ['uint256', 'deadline'],
      ],
    },
    { owner: payer, token: token.address, value, reference, deadline },
  );
  return {
    'deposit by EIP-3009': await vault.gas('depositWithAuthorization', [token.address, payer, value, 0n, deadline, reference, salt, by3009]),
    'deposit by permit': await vault.gas('depositWithPermit', [
      payer,
      token.address,
      value,
      reference,
      deadline,
      split(await signDigest(PAYER_KEY, permit)),
      await signDigest(PAYER_KEY, deposit),
    ]),
  };
}
