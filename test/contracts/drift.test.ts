import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { LEDGER_ANCHOR_ABI } from '../../src/chain/abi/ledger-anchor.ts';
import { SETTLEMENT_VAULT_ABI } from '../../src/chain/abi/settlement-vault.ts';
import { generate } from '../../scripts/abi.ts';
import { gasSnapshot } from '../../scripts/bench/gas/snapshot.ts';

const ROOT = new URL('../../', import.meta.url);
const AGAIN = 'run node scripts/abi.ts and read the difference';

function committed(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

/** Names of an ABI's functions that can change state. */
function acts(abi: readonly { readonly type: string; readonly name?: string; readonly stateMutability?: string }[]): string[] {
  return abi.flatMap(({ type, name, stateMutability }) => (type === 'function' && stateMutability === 'nonpayable' && name ? [name] : [])).sort();
}

describe('what is generated from the contracts', function () {
  this.timeout(180_000);

  it('ABIs, bytecode and storage layouts are those of the sources', () => {
    for (const [path, content] of generate()) assert.equal(committed(path), content, `${path} differs from the contracts: ${AGAIN}`);
  });

  it('gas is what it was, and within what was promised', async () => {
    const gas = await gasSnapshot();
    assert.deepEqual(gas, JSON.parse(committed('test/contracts/snapshots/gas.json')), AGAIN);
    assert.ok(gas['anchor, average of 1 to 1,024']! <= 41_000);
    assert.ok(gas['anchor, worst of 1 to 1,024']! <= 44_000);
    assert.ok(gas['pay, marginal a fresh payee']! <= 1.03 * 25_977);
    assert.ok(gas['pay, marginal an existing payee']! <= 1.03 * 8_877);
  });
});

describe('what the contracts can do', () => {
  it('the log changes by one function, and only by appending', () => {
    assert.deepEqual(acts(LEDGER_ANCHOR_ABI), ['acceptOwnership', 'anchor', 'pause', 'setGuardian', 'setPoster', 'transferOwnership', 'unpause']);
  });

  it('money leaves the vault by pay and retry, and by the probe of a listing that goes back', () => {
    assert.deepEqual(acts(SETTLEMENT_VAULT_ABI), [
      'acceptOwnership',
      'cancel',
      'depositWithAuthorization',
      'depositWithPermit',
      'list',
      'pause',
      'pay',
      'retry',
      'setCaps',
      'setGuardian',
      'setSigner',
      'transferOwnership',
      'unlist',
      'unpause',
    ]);
  });

  it('neither contract can be upgraded: no delegatecall and no selfdestruct in what is deployed', () => {
    for (const name of ['LedgerAnchor', 'SettlementVault']) {
      const { bytecode } = JSON.parse(committed(`src/chain/artifacts/${name}.json`)) as { bytecode: string };
      const found = opcodes(Buffer.from(bytecode.slice(2), 'hex')).filter((opcode) => opcode === 0xf4 || opcode === 0xff);
      assert.deepEqual(found, []);
    }
  });
});

/** The instructions of bytecode without the data that PUSH carries, up to the metadata. */
function opcodes(bytecode: Buffer): number[] {
  const end = bytecode.length - 2 - bytecode.readUInt16BE(bytecode.length - 2);
  const result: number[] = [];
  for (let at = 0; at < end; at++) {
    const opcode = bytecode[at]!;
    result.push(opcode);
    if (opcode >= 0x60 && opcode <= 0x7f) at += opcode - 0x5f;
  }
  return result;
}
