import { isAbsolute } from 'node:path';
import { Problem } from '#base';

/**
 * As much of PKCS#11 v2.40 (OASIS; names and numbers as there) as a key provider needs, called through koffi: the vendor's module is a C library, and koffi brings its binding as a prebuilt binary, so that
 * nothing is compiled where a node is installed. It is imported when the first token is opened: a node that needs no device loads neither.
 * The module runs inside the node and could read all of its memory. That is so for every user of PKCS#11; who distrusts the vendor of his device cannot use it.
 */
type Koffi = typeof import('koffi');

/** Places in CK_FUNCTION_LIST. The only symbol that a module has to export is C_GetFunctionList. */
const PLACES = {
  C_Initialize: 0,
  C_Finalize: 1,
  C_GetSlotList: 4,
  C_GetTokenInfo: 6,
  C_OpenSession: 12,
  C_CloseSession: 13,
  C_Login: 18,
  C_GetAttributeValue: 24,
  C_FindObjectsInit: 26,
  C_FindObjects: 27,
  C_FindObjectsFinal: 28,
  C_SignInit: 42,
  C_Sign: 43,
  C_GenerateKey: 58,
} as const;

const CKF = { RW_SESSION: 2, SERIAL_SESSION: 4, USER_PIN_INITIALIZED: 0x8, USER_PIN_FINAL_TRY: 0x2_0000, USER_PIN_LOCKED: 0x4_0000 };
const CKU_USER = 1;
const CKO_SECRET_KEY = 4;
const CKK_GENERIC_SECRET = 0x10;
const CKM = { SHA256_HMAC: 0x251, GENERIC_SECRET_KEY_GEN: 0x350 };
const CKA = {
  CLASS: 0x0,
  TOKEN: 0x1,
  PRIVATE: 0x2,
  LABEL: 0x3,
  KEY_TYPE: 0x100,
  ID: 0x102,
  SENSITIVE: 0x103,
  ENCRYPT: 0x104,
  DECRYPT: 0x105,
  WRAP: 0x106,
  UNWRAP: 0x107,
  SIGN: 0x108,
  DERIVE: 0x10c,
  VALUE_LEN: 0x161,
  EXTRACTABLE: 0x162,
};

const CODES: ReadonlyMap<number, ConstructorParameters<typeof Problem>[0]> = new Map([
  ...[0x03, 0x32, 0xe0, 0xe1].map((rv) => [rv, 'node/hsm-token-missing'] as const), // CKR_SLOT_ID_INVALID, _DEVICE_REMOVED, _TOKEN_NOT_PRESENT, _TOKEN_NOT_RECOGNIZED
  ...[0xa0, 0xa1, 0xa2].map((rv) => [rv, 'node/hsm-wrong-pin'] as const), // CKR_PIN_INCORRECT, _INVALID, _LEN_RANGE
  ...[0xa3, 0xa4, 0x102].map((rv) => [rv, 'node/hsm-pin-locked'] as const), // CKR_PIN_EXPIRED, _LOCKED, CKR_USER_PIN_NOT_INITIALIZED
]);

/** What a call of the module that did not return CKR_OK means to an operator. */
export function refusalOf(call: string, rv: number): Problem {
  const hex = `0x${rv.toString(16).padStart(8, '0')}`;
  return new Problem(CODES.get(rv) ?? 'node/hsm-failed', `The device answers ${hex} to ${call}.`, { call, rv: hex });
}

/** node/hsm-pin-locked where the token takes no PIN, or has one try left: a program that tries for the last time, maybe with an old PIN, locks the device for everybody. */
export function demandTries(flags: number): void {
  if ((flags & CKF.USER_PIN_INITIALIZED) === 0) throw new Problem('node/hsm-pin-locked', 'The token has no user PIN yet.');
  if ((flags & CKF.USER_PIN_LOCKED) !== 0) throw new Problem('node/hsm-pin-locked', 'The token has locked its user PIN.');
  if ((flags & CKF.USER_PIN_FINAL_TRY) !== 0)
    throw new Problem('node/hsm-pin-locked', 'The token has one try of its user PIN left, which is not used up here.');
}

/** A key's handle in this session. */
type Handle = number | bigint;

export interface TokenSession {
  /** Secret keys with this label, or with this id. */
  find(by: { readonly label: string } | { readonly id: Uint8Array }): Handle[];
  /** The id of a key that the token keeps to itself and that computes HMACs; node/hsm-key-unfit. */
  idOf(key: Handle): Uint8Array;
  /** Makes a key of 32 bytes inside the token, which never leaves it. */
  generate(label: string, id: Uint8Array): Handle;
  /** HMAC-SHA-256 of the message under a key of the token: 32 bytes. */
  hmac(key: Handle, message: Uint8Array): Uint8Array;
}

/**
 * Logs in to the one token with this label, or with this serial number, does something, and leaves nothing open: no session, no login. Everything between is synchronous, so that two callers in one process
 * never share the module's state. node/hsm-module, node/hsm-token-missing, node/hsm-ambiguous, node/hsm-wrong-pin, node/hsm-pin-locked, node/hsm-failed.
 */
export async function withToken<T>(module: string, token: string, pin: Uint8Array, act: (session: TokenSession) => T): Promise<T> {
  // A bare name would be searched for in folders that the environment names.
  if (!isAbsolute(module)) throw new Problem('node/hsm-module', `${module} is not an absolute path.`, { module });
  const koffi = await import('koffi').catch((cause: unknown) => {
    throw new Problem('node/hsm-module', `koffi has no binary for ${process.platform} on ${process.arch}.`, { module }, cause);
  });
  if (process.platform === 'win32' || koffi.sizeof('ulong') !== 8) throw new Problem('node/hsm-module', 'PKCS#11 is called on 64-bit Linux and macOS only.');
  const call = callsOf(koffi, module);
  call('C_Initialize', null);
  try {
    const { slot, flags } = slotOf(call, token);
    demandTries(flags);
    const opened: Handle[] = [0];
    call('C_OpenSession', slot, CKF.SERIAL_SESSION | CKF.RW_SESSION, null, null, opened);
    const session = opened[0]!;
    call('C_Login', session, CKU_USER, pin, pin.length);
    const done = act(sessionOf(call, session));
    call('C_CloseSession', session);
    return done;
  } finally {
    // Also closes what a refusal above left open. What it answers changes nothing any more, and must not hide why.
    try {
      call('C_Finalize', null);
    } catch {
      // Said.
    }
  }
}

type Call = (name: keyof typeof PLACES, ...args: readonly unknown[]) => void;

/** The module's functions by name; a call that does not return CKR_OK throws. */
function callsOf(koffi: Koffi, module: string): Call {
  const refused = (cause: unknown) => new Problem('node/hsm-module', `${module} cannot be loaded as a PKCS#11 module.`, { module }, cause);
  const list: unknown[] = [null];
  let rv: number;
  try {
    rv = Number(koffi.load(module).func('C_GetFunctionList', 'ulong', [koffi.out(koffi.pointer('void *'))])(list));
  } catch (cause) {
    throw refused(cause);
  }
  if (rv !== 0) throw refused(refusalOf('C_GetFunctionList', rv));
  const mechanism = koffi.pointer(koffi.struct({ mechanism: 'ulong', pParameter: 'void *', ulParameterLen: 'ulong' }));
  const attributes = koffi.inout(koffi.pointer(koffi.struct({ type: 'ulong', pValue: 'void *', ulValueLen: 'ulong' })));
  const [count, handle] = [koffi.inout(koffi.pointer('ulong')), koffi.out(koffi.pointer('ulong'))];
  const shapes: Record<keyof typeof PLACES, Parameters<Koffi['inout']>[0][]> = {
    C_Initialize: ['void *'],
    C_Finalize: ['void *'],
    C_GetSlotList: ['uint8', 'void *', count],
    C_GetTokenInfo: ['ulong', 'void *'],
    C_OpenSession: ['ulong', 'ulong', 'void *', 'void *', handle],
    C_CloseSession: ['ulong'],
    C_Login: ['ulong', 'ulong', 'uint8 *', 'ulong'],
    C_GetAttributeValue: ['ulong', 'ulong', attributes, 'ulong'],
    C_FindObjectsInit: ['ulong', attributes, 'ulong'],
    C_FindObjects: ['ulong', 'void *', 'ulong', handle],
    C_FindObjectsFinal: ['ulong'],
    C_SignInit: ['ulong', mechanism, 'ulong'],
    C_Sign: ['ulong', 'uint8 *', 'ulong', 'uint8 *', count],
    C_GenerateKey: ['ulong', mechanism, attributes, 'ulong', handle],
  };
  return (name, ...args) => {
    // CK_VERSION stands before the pointers and is padded to one of them.
    const pointer: unknown = koffi.decode(list[0], 8 * (1 + PLACES[name]), 'void *');
    const answer = Number(koffi.call(pointer, koffi.proto('ulong', shapes[name]), ...args));
    if (answer !== 0) throw refusalOf(name, answer);
  };
}

function slotOf(call: Call, token: string): { readonly slot: bigint; readonly flags: number } {
  const count: (number | bigint)[] = [0];
  call('C_GetSlotList', 1, null, count);
  const slots = new BigUint64Array(Math.max(1, Number(count[0])));
  call('C_GetSlotList', 1, slots, count);
  const found = [...slots.subarray(0, Number(count[0]))].flatMap((slot) => {
    // CK_TOKEN_INFO: label 32, manufacturer 32, model 16, serial number 16, all padded with blanks, then flags.
    const info = Buffer.alloc(512);
    try {
      call('C_GetTokenInfo', slot, info);
    } catch (error) {
      // Pulled out since the list was made, or not a token at all.
      if (error instanceof Problem && error.code === 'node/hsm-token-missing') return [];
      throw error;
    }
    const names = [info.subarray(0, 32), info.subarray(80, 96)].map((name) => name.toString('utf8').trimEnd());
    return names.includes(token) ? [{ slot, flags: Number(info.readBigUInt64LE(96)), serial: names[1] }] : [];
  });
  if (found.length > 1)
    throw new Problem('node/hsm-ambiguous', `${found.length} tokens are called ${token}.`, { token, serials: found.map(({ serial }) => serial) });
  if (!found[0]) throw new Problem('node/hsm-token-missing', `No token is called ${token}.`, { token });
  return found[0];
}

const [YES, NO] = [Uint8Array.of(1), Uint8Array.of(0)];

function ulong(value: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}

function attribute(type: number, pValue: Uint8Array) {
  return { type, pValue, ulValueLen: pValue.length };
}

function sessionOf(call: Call, session: Handle): TokenSession {
  /** The value of one attribute, or undefined where the key has none such. */
  const valueOf = (key: Handle, type: number): Uint8Array | undefined => {
    const value = new Uint8Array(256);
    const asked = [attribute(type, value)];
    call('C_GetAttributeValue', session, key, asked, 1);
    return value.subarray(0, asked[0]!.ulValueLen);
  };
  const find: TokenSession['find'] = (by) => {
    const named = 'label' in by ? attribute(CKA.LABEL, Buffer.from(by.label)) : attribute(CKA.ID, by.id);
    call('C_FindObjectsInit', session, [attribute(CKA.CLASS, ulong(CKO_SECRET_KEY)), named], 2);
    const [handles, count]: [BigUint64Array, (number | bigint)[]] = [new BigUint64Array(8), [0]];
    call('C_FindObjects', session, handles, handles.length, count);
    call('C_FindObjectsFinal', session);
    return [...handles.subarray(0, Number(count[0]))];
  };
  return {
    find,
    idOf(key) {
      const unfit = (why: string) => new Problem('node/hsm-key-unfit', `The key on the token ${why}.`);
      const is = (type: number) => valueOf(key, type)?.[0] === 1;
      if (is(CKA.EXTRACTABLE)) throw unfit('may leave it (CKA_EXTRACTABLE)');
      if (!is(CKA.SENSITIVE)) throw unfit('can be read (CKA_SENSITIVE is not set)');
      if (!is(CKA.SIGN)) throw unfit('computes no HMAC (CKA_SIGN is not set)');
      const id = valueOf(key, CKA.ID);
      if (!id || id.length === 0) throw unfit('has no CKA_ID');
      return id;
    },
    generate(label, id) {
      const template = [
        attribute(CKA.CLASS, ulong(CKO_SECRET_KEY)),
        attribute(CKA.KEY_TYPE, ulong(CKK_GENERIC_SECRET)),
        attribute(CKA.VALUE_LEN, ulong(32)),
        attribute(CKA.LABEL, Buffer.from(label)),
        attribute(CKA.ID, id),
        ...[CKA.TOKEN, CKA.PRIVATE, CKA.SENSITIVE, CKA.SIGN].map((type) => attribute(type, YES)),
        ...[CKA.EXTRACTABLE, CKA.ENCRYPT, CKA.DECRYPT, CKA.WRAP, CKA.UNWRAP, CKA.DERIVE].map((type) => attribute(type, NO)),
      ];
      const made: Handle[] = [0];
      call('C_GenerateKey', session, { mechanism: CKM.GENERIC_SECRET_KEY_GEN, pParameter: null, ulParameterLen: 0 }, template, template.length, made);
      return made[0]!;
    },
    hmac(key, message) {
      const mac = new Uint8Array(32);
      const length: (number | bigint)[] = [mac.length];
      call('C_SignInit', session, { mechanism: CKM.SHA256_HMAC, pParameter: null, ulParameterLen: 0 }, key);
      call('C_Sign', session, message, message.length, mac, length);
      if (Number(length[0]) !== mac.length) throw new Problem('node/hsm-failed', `The device gives an HMAC of ${Number(length[0])} bytes.`);
      return mac;
    },
  };
}
