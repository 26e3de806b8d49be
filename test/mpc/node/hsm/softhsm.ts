import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const USUAL = ['/usr/lib/softhsm', ...['x86_64', 'aarch64'].map((cpu) => `/usr/lib/${cpu}-linux-gnu/softhsm`), '/usr/lib64/pkcs11', '/usr/local/lib/softhsm', '/opt/homebrew/lib/softhsm']; // prettier-ignore

function tool(): string | undefined {
  return (process.env['PATH'] ?? '').split(':').map((folder) => join(folder, 'softhsm2-util')).find((path) => existsSync(path)); // prettier-ignore
}

/** Where SoftHSM's module is, or undefined where it is not installed whole. */
export const SOFTHSM = tool() === undefined ? undefined : USUAL.map((folder) => join(folder, 'libsofthsm2.so')).find((path) => existsSync(path));

export const PIN = '271828';

/** Tokens of SoftHSM in a temporary folder, found by this process and its children until `close`. */
export function softTokens() {
  const root = mkdtempSync(join(tmpdir(), 'cairn-softhsm-'));
  const tokens = join(root, 'tokens');
  mkdirSync(tokens, { mode: 0o700 });
  writeFileSync(join(root, 'softhsm2.conf'), `directories.tokendir = ${tokens}\nlog.level = ERROR\n`);
  const before = process.env['SOFTHSM2_CONF'];
  process.env['SOFTHSM2_CONF'] = join(root, 'softhsm2.conf');
  const folders = (): string[] => readdirSync(tokens).map((name) => join(tokens, name));
  return {
    /** Makes a token and returns the folder that it is. */
    add(label: string): string {
      const known = folders();
      execFileSync(tool()!, ['--init-token', '--free', '--label', label, '--so-pin', '31415926', '--pin', PIN], { stdio: 'pipe' });
      return folders().find((folder) => !known.includes(folder))!;
    },
    close(): void {
      if (before === undefined) delete process.env['SOFTHSM2_CONF'];
      else process.env['SOFTHSM2_CONF'] = before;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** The files of a token's objects. */
export function objectsIn(token: string): string[] {
  return readdirSync(token).filter((name) => name.endsWith('.object') && name !== 'token.object').map((name) => join(token, name)); // prettier-ignore
}

/** The serial number of a token: the end of its folder's name, without the dashes. */
export function serialOf(token: string): string {
  return token.replaceAll('-', '').slice(-16);
}

/** Sets a boolean attribute of an object behind the token's back: type (8 bytes), kind 1 (8 bytes), value (1 byte). */
export function setBoolean(object: string, type: number, value: boolean): void {
  const bytes = readFileSync(object);
  const head = Buffer.alloc(16);
  head.writeBigUInt64BE(BigInt(type));
  head.writeBigUInt64BE(1n, 8);
  const at = bytes.indexOf(head);
  if (at < 0) throw new Error(`${object} has no attribute ${type}`);
  bytes[at + 16] = value ? 1 : 0;
  writeFileSync(object, bytes);
}
