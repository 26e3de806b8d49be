import assert from 'node:assert/strict';
import fc from 'fast-check';
import { encodeFunctionData, type Abi } from 'viem';
import { fromHex, toHex, type Hex } from '#base';
import { CONTRACTS, decodeCall, describeCall, describeJudged, judge, scheduleData, transactionOf, ZERO_32, type DecodedCall } from '#governance/core';
import { refusal } from '../support.ts';
import { address, DEPLOYMENT, FUNCTIONS, sampleOf } from './samples.ts';

/** Every argument as it was given; uints of up to 48 bits are bigints here and numbers for the encoder. */
function encode({ contract, function: functionName, args }: DecodedCall): Hex {
  const abi: Abi = CONTRACTS[contract];
  return encodeFunctionData({ abi, functionName, args: args.map(({ value }) => value) });
}

describe('a call in words', () => {
  for (const [contract, entry] of FUNCTIONS) {
    it(`of ${contract}.${entry.name} says what was encoded, and encodes to the same again`, () => {
      fc.assert(
        fc.property(sampleOf(contract, entry), (sample) => {
          const decoded = decodeCall(DEPLOYMENT, { to: DEPLOYMENT[contract], value: 0n, data: sample.data });
          assert.equal(decoded.contract, contract);
          assert.equal(decoded.function, entry.name);
          assert.deepEqual(
            decoded.args.map(({ name, type }) => [name, type]),
            entry.inputs.map(({ name, type }) => [name ?? '', type]),
          );
          assert.deepEqual(
            decoded.args.map(({ value }) => value),
            sample.args,
          );
          assert.equal(encode(decoded), sample.data);
          const text = describeCall(DEPLOYMENT, decoded).join('\n');
          for (const { value } of decoded.args) if (typeof value !== 'object') assert.ok(text.includes(String(value)), `${text} leaves out ${String(value)}`);
        }),
        { numRuns: 15 },
      );
    });
  }

  it('is refused when a byte is added, cut off or flipped, unless it is another call that says so', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...FUNCTIONS).chain(([contract, entry]) => sampleOf(contract, entry)),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        ({ contract, data }, place, mask) => {
          const call = (changed: Hex) => decodeCall(DEPLOYMENT, { to: DEPLOYMENT[contract], value: 0n, data: changed });
          assert.throws(() => call(`${data}00`), refusal('governance/undecodable'));
          assert.throws(() => call(data.slice(0, -2) as Hex), refusal('governance/undecodable'));
          const bytes = fromHex(data);
          bytes[place % bytes.length]! ^= mask;
          try {
            assert.equal(encode(call(toHex(bytes))), toHex(bytes), 'what is shown is what is signed');
          } catch (error) {
            refusal('governance/undecodable')(error);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is refused for an unknown address or selector, and with native coin', () => {
    const pause = encodeFunctionData({ abi: CONTRACTS.vault, functionName: 'pause' });
    assert.equal(decodeCall(DEPLOYMENT, { to: DEPLOYMENT.vault, value: 0n, data: pause }).function, 'pause');
    for (const call of [
      { to: address('ee'), value: 0n, data: pause },
      { to: DEPLOYMENT.vault, value: 1n, data: pause },
      { to: DEPLOYMENT.vault, value: 0n, data: '0x' },
      { to: DEPLOYMENT.vault, value: 0n, data: '0x12345678' },
      { to: DEPLOYMENT.tokens[0]!.address, value: 0n, data: pause },
    ] as const)
      assert.throws(() => decodeCall(DEPLOYMENT, call), refusal('governance/undecodable'));
  });

  it('names who is at each address, amounts in the token’s own decimals, and roles and delays in words', () => {
    const list = encodeFunctionData({ abi: CONTRACTS.vault, functionName: 'setCaps', args: [DEPLOYMENT.tokens[0]!.address, 1_500_000n, 2n] });
    const grant = encodeFunctionData({
      abi: CONTRACTS.timelock,
      functionName: 'grantRole',
      args: ['0xb09aa5aeb3702cfd50b6b62bc4532604938f21248a27a1d5ca736082b6819cc1', DEPLOYMENT.operators[1]!],
    });
    const calls = [
      { to: DEPLOYMENT.vault, value: 0n, data: list },
      { to: DEPLOYMENT.timelock, value: 0n, data: grant },
    ];
    const data = scheduleData({ calls, predecessor: ZERO_32, salt: ZERO_32, delayS: 172_800n });
    const text = describeJudged(
      DEPLOYMENT,
      judge(DEPLOYMENT, transactionOf({ kind: 'governance', chainId: 31337n, safe: DEPLOYMENT.safe, to: DEPLOYMENT.timelock, value: 0n, data, nonce: 0n })),
    );
    assert.equal(
      text.replace(/operation 0x[0-9a-f]{64}/, 'operation …'),
      [
        'The Safe would propose to the timelock, to be done 2 d 0 h later unless it is cancelled:',
        '  vault.setCaps(address token, uint96 perTransaction, uint96 perDay)',
        `    token           ${address('70')} (tUSD)`,
        '    perTransaction  1500000 (1.500000 tUSD)',
        '    perDay          2 (0.000002 tUSD)',
        '  timelock.grantRole(bytes32 role, address account)',
        '    role     0xb09aa5aeb3702cfd50b6b62bc4532604938f21248a27a1d5ca736082b6819cc1 (PROPOSER_ROLE)',
        `    account  ${address('b2')} (operator 2)`,
        `  operation …, salt ${ZERO_32}`,
      ].join('\n'),
    );
  });
});
