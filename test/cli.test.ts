import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testChain, type TestChain } from './support/chain.ts';
import { emptyDatabase, type TestDatabase } from './support/postgres.ts';

const CLI = join(import.meta.dirname, '..', 'src', 'cli.ts');
const DEAD = 'http://127.0.0.1:1';

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function cairn(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const clean = { ...process.env };
  for (const name of ['DATABASE_URL', 'RPC_URL', 'DEPLOYER_KEY', 'OPERATORS']) delete clean[name];
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...clean, ...env } });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

interface Wrong {
  readonly what: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly code: string;
  readonly exit: number;
  readonly says: RegExp;
}

describe('cairn, called wrongly', function () {
  // Each row starts a program.
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'cairn-cli-'));
  const state = join(folder, 'state');
  const file = (name: string): string => join(folder, name);
  const start = (...more: string[]): string[] => ['start', '--once', '--state', state, ...more];
  const govern = (...more: string[]): string[] => ['govern', ...more, '--state', state];
  const KEY = `0x${'4'.repeat(64)}`;
  const ORDER_OF_CURVE = '0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141';

  before(() => {
    writeFileSync(file('a-file'), 'here\n');
    writeFileSync(file('empty.xml'), '');
    writeFileSync(file('mark.xml'), Uint8Array.of(0xef, 0xbb, 0xbf));
    writeFileSync(file('large.xml'), '');
    // Without a byte on the disk: its size is all that may be looked at.
    truncateSync(file('large.xml'), 2 ** 30);
    mkdirSync(file('folder'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const table: readonly Wrong[] = [
    { what: 'a command there is not', args: ['strat'], code: 'cli/unknown-command', exit: 2, says: /no command "strat"/ },
    { what: 'an option there is not', args: start('--onec'), code: 'cli/bad-arguments', exit: 2, says: /Unknown option '--onec'/ },
    { what: 'an option without its value', args: ['start', '--state'], code: 'cli/bad-arguments', exit: 2, says: /--state <value>' argument missing/ },
    { what: 'a word too many', args: start('now'), code: 'cli/bad-arguments', exit: 2, says: /takes no file/ },
    { what: 'no file to export to', args: ['export', '--state', state], code: 'cli/bad-arguments', exit: 2, says: /takes one file/ },
    { what: 'an empty file name', args: ['export', '', '--state', state], code: 'cli/bad-arguments', exit: 2, says: /name of the file is empty/ },
    { what: 'an empty --state', args: ['start', '--once', '--state', ''], code: 'cli/bad-arguments', exit: 2, says: /--state was given an empty value/ },
    {
      what: 'an empty --state of an export',
      args: ['export', file('out'), '--state='],
      code: 'cli/bad-arguments',
      exit: 2,
      says: /--state was given an empty/,
    },
    { what: 'a file as --state', args: ['start', '--once', '--state', file('a-file')], code: 'cli/bad-state', exit: 2, says: /a-file is a file, not a folder/ },
    { what: 'a --state below a file', args: ['start', '--state', file('a-file/b')], code: 'cli/bad-state', exit: 2, says: /a-file is a file\. / },
    { what: 'a --port that is no number', args: start('--port', '80a'), code: 'cli/bad-arguments', exit: 2, says: /not "80a"/ },
    { what: 'a --port beyond the last', args: start('--port', '65536'), code: 'cli/bad-arguments', exit: 2, says: /from 0 to 65535/ },
    { what: '--sandbox-payees alone', args: start('--sandbox-payees'), code: 'cli/bad-arguments', exit: 2, says: /goes with --input/ },
    { what: '--deploy alone', args: start('--deploy'), code: 'cli/bad-arguments', exit: 2, says: /goes with RPC_URL/ },
    { what: 'an --input that is not there', args: start('--input', file('none.xml')), code: 'cli/bad-file', exit: 2, says: /There is no file .*none\.xml/ },
    { what: 'a folder as --input', args: start('--input', file('folder')), code: 'cli/bad-file', exit: 2, says: /is a folder, not a file/ },
    { what: 'an --input of 1 GiB', args: start('--input', file('large.xml')), code: 'payments/file-too-large', exit: 1, says: /has 1073741824 bytes/ },
    { what: 'an empty --input', args: start('--input', file('empty.xml')), code: 'payments/malformed-xml', exit: 1, says: /The file is empty/ },
    { what: 'an --input of a byte order mark', args: start('--input', file('mark.xml')), code: 'payments/malformed-xml', exit: 1, says: /The file is empty/ },
    {
      what: 'a DATABASE_URL of another kind',
      args: start(),
      env: { DATABASE_URL: 'mysql://root:secret@db/x' },
      code: 'cli/bad-environment',
      exit: 2,
      says: /postgres:\/\/USER/,
    },
    {
      what: 'a DATABASE_URL that is no URL',
      args: start(),
      env: { DATABASE_URL: 'secret' },
      code: 'cli/bad-environment',
      exit: 2,
      says: /DATABASE_URL does not/,
    },
    {
      what: 'the same at an export',
      args: ['export', file('out')],
      env: { DATABASE_URL: 'secret' },
      code: 'store/bad-url',
      exit: 2,
      says: /postgres:\/\/USER/,
    },
    {
      what: 'an RPC_URL without a scheme',
      args: start(),
      env: { RPC_URL: 'localhost:8545' },
      code: 'cli/bad-environment',
      exit: 2,
      says: /RPC_URL is not an http/,
    },
    {
      what: 'an RPC_URL of web sockets',
      args: start(),
      env: { RPC_URL: 'ws://127.0.0.1:8545' },
      code: 'cli/bad-environment',
      exit: 2,
      says: /RPC_URL is not an http/,
    },
    { what: 'an RPC_URL where nobody answers', args: start(), env: { RPC_URL: DEAD }, code: 'chain/unreachable', exit: 1, says: /127\.0\.0\.1:1/ },
    {
      what: 'a DEPLOYER_KEY that is a word',
      args: start(),
      env: { DEPLOYER_KEY: 'secret' },
      code: 'cli/bad-environment',
      exit: 2,
      says: /64 hexadecimal digits/,
    },
    {
      what: 'a DEPLOYER_KEY a digit short',
      args: start(),
      env: { DEPLOYER_KEY: KEY.slice(0, -1) },
      code: 'cli/bad-environment',
      exit: 2,
      says: /DEPLOYER_KEY is not a/,
    },
    {
      what: 'a DEPLOYER_KEY off the curve',
      args: start(),
      env: { DEPLOYER_KEY: ORDER_OF_CURVE },
      code: 'cli/bad-environment',
      exit: 2,
      says: /beyond the order/,
    },
    {
      what: 'one operator only',
      args: start(),
      env: { OPERATORS: `0x${'0a'.repeat(20)}` },
      code: 'cli/bad-environment',
      exit: 2,
      says: /OPERATORS is not two different addresses/,
    },
    {
      what: 'one operator twice',
      args: start(),
      env: { OPERATORS: `0x${'0a'.repeat(20)},0x${'0A'.repeat(20)}` },
      code: 'cli/bad-environment',
      exit: 2,
      says: /OPERATORS is not two different addresses/,
    },
    {
      what: 'an operator whose checksum is wrong',
      args: start(),
      env: { OPERATORS: `0x${'0a'.repeat(20)},0x${'bC'.repeat(20)}` },
      code: 'cli/bad-environment',
      exit: 2,
      says: /OPERATORS is not two different addresses/,
    },
    {
      what: 'a way to govern there is not',
      args: ['govern', 'vote'],
      code: 'cli/unknown-command',
      exit: 2,
      says: /no command "govern vote"; cairn knows govern propose/,
    },
    { what: 'no change to propose', args: govern('propose', '--out', file('p')), code: 'cli/bad-arguments', exit: 2, says: /was not told what/ },
    { what: 'a proposal without a file', args: govern('propose', 'vault.pause'), code: 'cli/bad-arguments', exit: 2, says: /needs --out FILE/ },
    {
      what: 'a proposal over a file',
      args: govern('propose', 'vault.pause', '--out', file('a-file')),
      code: 'cli/bad-arguments',
      exit: 2,
      says: /exists already/,
    },
    {
      what: 'a proposal where nothing is deployed',
      args: govern('propose', 'vault.pause', '--out', file('p')),
      code: 'cli/bad-state',
      exit: 2,
      says: /holds no deployment/,
    },
    { what: 'nothing to sign', args: govern('sign', '--as', 'owner'), code: 'cli/bad-arguments', exit: 2, says: /takes one file/ },
    { what: 'nobody who signs', args: govern('sign', file('a-file')), code: 'cli/bad-arguments', exit: 2, says: /either --key FILE or --as owner/ },
    {
      what: 'a signer there is not',
      args: govern('cancel', file('a-file'), '--as', 'me'),
      code: 'cli/bad-arguments',
      exit: 2,
      says: /--as takes owner, not "me"/,
    },
    { what: 'an execution that nobody pays', args: govern('execute', file('a-file')), code: 'cli/bad-arguments', exit: 2, says: /needs --key FILE/ },
    {
      what: 'a deployment that is not there',
      args: govern('status', '--deployment', file('none')),
      code: 'cli/bad-file',
      exit: 2,
      says: /There is no file/,
    },
    {
      what: 'a deployment that is none',
      args: govern('status', '--deployment', file('a-file')),
      code: 'cli/bad-file',
      exit: 2,
      says: /does not name a deployment/,
    },
    { what: 'a receipt without an endpoint', args: ['verify', file('a-file')], code: 'cli/bad-arguments', exit: 2, says: /needs --rpc URL/ },
    {
      what: 'a finality there is not',
      args: ['verify', file('a-file'), '--rpc', DEAD, '--finality', 'soon'],
      code: 'cli/bad-arguments',
      exit: 2,
      says: /finalized or latest/,
    },
    { what: 'an endpoint that is none', args: ['audit', file('a-file'), '--rpc', 'ftp://x'], code: 'cli/bad-arguments', exit: 2, says: /--rpc takes an http/ },
    { what: 'a receipt that is not there', args: ['verify', file('none'), '--rpc', DEAD], code: 'cli/bad-file', exit: 2, says: /There is no file/ },
    { what: 'a folder as a receipt', args: ['verify', file('folder'), '--rpc', DEAD], code: 'cli/bad-file', exit: 2, says: /is a folder, not a file/ },
    { what: 'a folder as an export', args: ['audit', file('folder'), '--rpc', DEAD], code: 'cli/bad-file', exit: 2, says: /is a folder, not a file/ },
  ];

  for (const { what, args, env, code, exit, says } of table) {
    it(`refuses ${what}: ${code}, exit code ${exit}, nothing written`, async () => {
      const before = readdirSync(folder).sort();
      const ended = await cairn(args, env);
      assert.match(ended.err, says);
      assert.ok(ended.err.endsWith(`(${code})\n`), ended.err);
      assert.equal(ended.err.split('\n').length, 2, 'one line, with what to do');
      assert.equal(ended.err.split('--help').length - 1 <= 1, true, `--help is advised once: ${ended.err}`);
      assert.doesNotMatch(ended.err, /secret|4444/, 'no password or key is repeated');
      assert.equal(ended.out, '');
      assert.equal(ended.code, exit);
      assert.deepEqual(readdirSync(folder).sort(), before);
      assert.equal(existsSync(state), false);
    });
  }

  /** Ends with this code, without a state folder, and with nothing of ours in the database. */
  async function refuses(env: Readonly<Record<string, string>>, code: string, says: RegExp, ...more: string[]): Promise<void> {
    const ended = await cairn(start(...more), env);
    assert.match(ended.err, says);
    assert.ok(ended.err.endsWith(`(${code})\n`), ended.err);
    assert.equal(ended.code, 1);
    assert.equal(existsSync(state), false, 'no state folder');
  }

  describe('into a world that is not ready', () => {
    let db: Omit<TestDatabase, 'database'>;
    let chain: TestChain;
    before(async () => {
      db = await emptyDatabase();
      chain = await testChain();
    });
    after(() => db.close());
    afterEach(async () => {
      const { rows } = await db.owner.query("select nspname from pg_namespace where nspname = 'cairn'");
      assert.deepEqual(rows, [], 'nothing of ours in the database');
    });

    it('refuses a database that does not answer', () =>
      refuses({ DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' }, 'store/unreachable', /ECONNREFUSED 127\.0\.0\.1:1/));

    it('refuses a database that does not know the login', () => {
      const url = new URL(db.url);
      url.password = 'wrong';
      return refuses({ DATABASE_URL: url.href }, 'store/login-refused', /password authentication failed/);
    });

    it('refuses a database that a newer version has migrated', async () => {
      const newer = await emptyDatabase();
      await newer.owner.query('create schema cairn; create table cairn.migration (number int, name text, checksum bytea, applied_ms bigint)');
      await newer.owner.query("insert into cairn.migration values (9999, '9999_future', '\\x00', 0)");
      try {
        await refuses({ DATABASE_URL: newer.url }, 'store/newer-database', /9999_future/);
      } finally {
        await newer.close();
      }
    });

    it('refuses a chain that no development key signs for', async () => {
      const answers: Record<string, unknown> = { eth_chainId: '0x1', eth_getBlockByNumber: { number: '0x0', hash: `0x${'11'.repeat(32)}`, timestamp: '0x1' } };
      const foreign = createHttpServer((request, response) => {
        let body = '';
        request.on('data', (text) => (body += String(text)));
        request.on('end', () => {
          const { id, method } = JSON.parse(body) as { id: number; method: string };
          response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id, result: answers[method] ?? null }));
        });
      }).listen(0, '127.0.0.1');
      await once(foreign, 'listening');
      const { port } = foreign.address() as { port: number };
      const env = { RPC_URL: `http://127.0.0.1:${port}` };
      try {
        await refuses(env, 'custody/not-a-local-chain', /Chain 1 is not the local chain/, '--deploy');
        await refuses({ ...env, DATABASE_URL: db.url }, 'custody/not-a-local-chain', /Chain 1 is not/, '--deploy');
      } finally {
        foreign.close();
      }
    });

    it('refuses to deploy unasked, or with a key that cannot pay', async () => {
      const env = { RPC_URL: chain.rpcUrl, DATABASE_URL: db.url };
      await refuses({ RPC_URL: chain.rpcUrl }, 'chain/consent-needed', /nobody asked for it on chain 31337/);
      await refuses(env, 'chain/consent-needed', /nobody asked for it on chain 31337/);
      await refuses({ ...env, DEPLOYER_KEY: KEY }, 'chain/relayer-out-of-funds', /has no coin on chain 31337/, '--deploy');
    });
  });

  it('prunes nothing without being told to', async () => {
    const { out, err, code } = await cairn(['prune']);
    assert.deepEqual([err, code], ['', 0]);
    assert.match(out, /^No database of a deleted clone is left\.\n$|cairn prune --remove removes them/);
  });

  it('refuses a --port that is taken before anything is made', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const { code, err } = await cairn(start('--port', `${port}`)).finally(() => server.close());
    assert.match(err, new RegExp(`Port ${port} is taken`));
    assert.equal(code, 1);
    assert.equal(existsSync(state), false);
  });
});
