import { strict as assert } from 'node:assert';
import { encodeAbiParameters, encodeFunctionData, keccak256, parseSignature, type Abi } from 'viem';
import { privateKeyToAccount, privateKeyToAddress } from 'viem/accounts';
import { ManualClock, Problem, type BookId, type Hex } from '#base';
import { connectChain, createDepositScanner, deploy, type ChainClient, type Deployment, type Deposit, type DepositScanner } from '#chain';
import { SETTLEMENT_VAULT_ABI } from '../../../src/chain/abi/settlement-vault.ts';
import { TEST_STABLECOIN_ABI } from '../../../src/chain/abi/test-stablecoin.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { devKey, startTestChain, type TestChain } from '../anvil.ts';

const FINALITY = 5;
const DEPLOYER = privateKeyToAddress(devKey(9)).toLowerCase() as Hex;
const MERCHANT = privateKeyToAccount(devKey(4));
const WALLET = MERCHANT.address.toLowerCase() as Hex;
const RELAYER = privateKeyToAddress(devKey(6)).toLowerCase() as Hex;
const REFERENCE: Hex = `0x${'ab'.repeat(16)}${'00'.repeat(16)}`;

describe('the deposits of a vault', () => {
  let chain: TestChain;
  let client: ChainClient;
  let deployment: Deployment;
  let token: Hex;
  let db: TestDatabase;
  let scanner: DepositScanner;
  let credited: Deposit[];
  let salt = 0;

  const credit = async (deposit: Deposit): Promise<void> => void credited.push(deposit);
  const call = (from: Hex, to: Hex, abi: Abi, functionName: string, args: unknown[]): Promise<unknown> =>
    chain.request('eth_sendTransaction', { from, to, data: encodeFunctionData({ abi, functionName, args }), gas: '0x100000' });
  const transfer = (amount: bigint, to = deployment.vault): Promise<unknown> => call(WALLET, token, TEST_STABLECOIN_ABI, 'transfer', [to, amount]);

  /** A deposit by EIP-3009: the nonce binds the reference. */
  async function authorise(value: bigint): Promise<void> {
    const saltWord: Hex = `0x${(++salt).toString(16).padStart(64, '0')}`;
    const nonce = keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'bytes32' }], [REFERENCE, saltWord]));
    const validBefore = 2n ** 40n;
    const { v, r, s } = parseSignature(
      await MERCHANT.signTypedData({
        domain: { name: 'Test token tUSD', version: '1', chainId: 31337, verifyingContract: token },
        types: {
          ReceiveWithAuthorization: [
            { name: 'from', type: 'address' },
            { name: 'to', type: 'address' },
            { name: 'value', type: 'uint256' },
            { name: 'validAfter', type: 'uint256' },
            { name: 'validBefore', type: 'uint256' },
            { name: 'nonce', type: 'bytes32' },
          ],
        },
        primaryType: 'ReceiveWithAuthorization',
        message: { from: WALLET, to: deployment.vault, value, validAfter: 0n, validBefore, nonce },
      }),
    );
    await call(RELAYER, deployment.vault, SETTLEMENT_VAULT_ABI, 'depositWithAuthorization', [
      token,
      WALLET,
      value,
      0n,
      validBefore,
      REFERENCE,
      saltWord,
      { v: Number(v), r, s },
    ]);
  }

  before(async () => {
    chain = await startTestChain();
    client = await connectChain({ rpcUrl: chain.rpcUrl, finality: { kind: 'depth', blocks: FINALITY } });
    const first = await testDatabase();
    deployment = await deploy({
      database: first.database,
      client,
      clock: new ManualClock(1),
      deployerKey: devKey(9),
      consent: true,
      book: '018bcfe5-6800-7000-8000-000000000001' as BookId,
      signers: { poster: WALLET, vault: WALLET, owner: WALLET },
      guardian: `0x${'6a'.repeat(20)}`,
      operators: [`0x${'0a'.repeat(20)}`, `0x${'0b'.repeat(20)}`],
      timelockDelayS: 1,
      tokens: [{ symbol: 'tUSD', decimals: 6, perTransaction: 10n ** 12n, perDay: 10n ** 13n }],
      rest: () => chain.mine(),
    });
    await first.close();
    token = deployment.tokens[0]!.address;
    await call(DEPLOYER, token, TEST_STABLECOIN_ABI, 'mint', [WALLET, 10n ** 12n]);
    await chain.mine();
  });
  after(() => chain.stop());
  beforeEach(async () => {
    db = await testDatabase();
    credited = [];
    scanner = createDepositScanner({ database: db.database, client, deployment });
    await chain.mine(FINALITY + 1);
    await scanner.scan(async () => undefined);
  });
  afterEach(() => db.close());

  it('leave out the probe of a token that was being listed', async () => {
    const other = await testDatabase();
    const all: Deposit[] = [];
    const again = createDepositScanner({ database: other.database, client, deployment: { ...deployment, block: { ...deployment.block, number: 0n } } });
    await again.scan(async (deposit) => void all.push(deposit));
    assert.deepEqual(all, []);
    await other.close();
  });

  it('are credited once, when final: a transfer by its sender, an authorised one by its reference', async () => {
    await transfer(7n);
    await authorise(9n);
    await chain.mine();
    const { changes } = await scanner.scan(credit);
    assert.deepEqual(
      changes.map(({ deposit, from, to }) => [deposit.amount, from, to]),
      [
        [7n, null, 'seen'],
        [9n, null, 'seen'],
      ],
    );
    assert.deepEqual(
      (await scanner.pending()).map(({ amount }) => amount),
      [7n, 9n],
    );
    await chain.mine(FINALITY - 1);
    await scanner.scan(credit);
    assert.deepEqual(credited, []);
    await chain.mine();
    await scanner.scan(credit);
    await scanner.scan(credit);
    assert.deepEqual(
      credited.map(({ kind, from, amount, reference }) => ({ kind, from, amount, reference })),
      [
        { kind: 'plain', from: WALLET, amount: 7n, reference: null },
        { kind: 'referenced', from: WALLET, amount: 9n, reference: REFERENCE },
      ],
    );
    assert.equal(new Set(credited.map(({ digest }) => digest)).size, 2);
    assert.deepEqual(await scanner.pending(), []);
  });

  it('are no other transfers: to somebody else, of nothing', async () => {
    await transfer(5n, RELAYER);
    await transfer(0n);
    await chain.mine(FINALITY + 1);
    const { changes } = await scanner.scan(credit);
    assert.deepEqual(changes, []);
  });

  it('are handed over again where the caller died before all of a range was credited', async () => {
    await transfer(1n);
    await transfer(2n);
    await chain.mine(FINALITY + 1);
    const dying = async (deposit: Deposit): Promise<void> => {
      if (deposit.amount === 2n) throw new TypeError('killed');
      credited.push(deposit);
    };
    await assert.rejects(scanner.scan(dying), /killed/);
    scanner = createDepositScanner({ database: db.database, client, deployment });
    await scanner.scan(credit);
    assert.deepEqual(
      credited.map(({ amount }) => amount),
      [1n, 1n, 2n],
    );
    assert.equal(new Set(credited.map(({ digest }) => digest)).size, 2, 'the same deposit, by its digest');
  });

  for (const depth of [1, 2, 3, 4, 5]) {
    it(`go and come back with a reorganisation of depth ${depth}, and are credited once`, async () => {
      const hash = (await transfer(11n)) as Hex;
      await chain.mine();
      const raw = (await chain.request('eth_getRawTransactionByHash', hash)) as Hex;
      await chain.mine(depth - 1);
      const states = async (): Promise<string[]> => (await scanner.scan(credit)).changes.map(({ to }) => to);
      assert.deepEqual(await states(), ['seen']);
      await chain.reorg(depth);
      await chain.request('anvil_dropAllTransactions');
      assert.deepEqual(await states(), ['gone']);
      assert.deepEqual(await scanner.pending(), []);
      await chain.request('eth_sendRawTransaction', raw);
      await chain.mine();
      assert.deepEqual(await states(), ['seen']);
      await chain.mine(FINALITY);
      assert.deepEqual(await states(), ['final']);
      assert.deepEqual(
        credited.map(({ amount }) => amount),
        [11n],
      );
    });
  }

  it('are seen though finality stands still for longer than an endpoint tells of at once', async () => {
    const final = await client.finalBlock();
    const ranges: bigint[] = [];
    const bounded: ChainClient = {
      ...client,
      finalBlock: async () => final,
      read: (what, action) => {
        const [from, to] = (/^the logs of blocks (\d+) to (\d+)$/.exec(what) ?? []).slice(1).map(BigInt);
        if (from === undefined || to === undefined) return client.read(what, action);
        ranges.push(to - from + 1n);
        return to - from < 2_000n ? client.read(what, action) : Promise.reject(new Problem('chain/refused-by-node', 'At most 2,000 blocks.'));
      },
    };
    scanner = createDepositScanner({ database: db.database, client: bounded, deployment });
    await transfer(3n);
    await chain.mine(2_500);
    await transfer(4n);
    await chain.mine();
    const { changes } = await scanner.scan(credit);
    assert.deepEqual(
      changes.map(({ deposit, to }) => [deposit.amount, to]),
      [
        [3n, 'seen'],
        [4n, 'seen'],
      ],
    );
    assert.ok(ranges.includes(2_000n) && credited.length === 0);
  });

  it('stop everything when a block that counted as final is another one now', async () => {
    await chain.reorg(FINALITY + 3);
    await chain.mine(3);
    await assert.rejects(scanner.scan(credit), (error) => error instanceof Problem && error.code === 'chain/reorganised-final-block');
  });
});
