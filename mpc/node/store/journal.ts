import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '#anchor/core';
import { assert, concat, fromHex, Problem, toHex, uintBytes, utf8, type Hex, type RandomBytes } from '#base';
import { AppendFile, isPresent, readIfPresent, writeDurably } from '../files/files.ts';
import { beginning, HashChain, linked, sha256, type Head } from '../heads/heads.ts';
import type { StoreEvent } from './events.ts';
import { decrypt, encrypt, seal, subkey, unseal, type Label } from './seal.ts';

const SLOT_BYTES = 1_024;

export interface Sealing {
  readonly node: string;
  readonly storeId: Hex;
  readonly storeKey: Uint8Array;
  readonly random: RandomBytes;
}

/** The tag of a store's chain: no line of one store can continue another's. */
export function storeTag(storeId: Hex): string {
  return `cairn/node-store/v1 ${storeId}`;
}

/**
 * Everything that a node must not forget, one sealed line an event. A line is bound to its place (sequence number and the hash of all before it) and to the store, so that none can be changed, moved, dropped
 * from the middle or taken from elsewhere. Beside it, two sealed slots say how long it was: written in turn after each line, so that a journal cut short is noticed here, and a folder put back whole by the
 * heads that peers remember.
 */
export class Journal {
  /** Only what is durable: a head that is shown to a peer and then lost with the process would look like a rollback for ever. */
  readonly chain: HashChain;
  /** With the lines that are on their way to the disk. */
  #tip: Head;
  readonly #sealing: Sealing;
  readonly #key: Uint8Array;
  readonly #file: AppendFile;
  readonly #slots: FileHandle;
  #turn: number;
  #noted: Head;
  #noting: Promise<void> | undefined;
  #broken: Problem | undefined;

  private constructor(sealing: Sealing, chain: HashChain, key: Uint8Array, file: AppendFile, slots: FileHandle, noted: Head, turn: number) {
    this.chain = chain;
    this.#tip = chain.head;
    this.#sealing = sealing;
    this.#key = key;
    this.#file = file;
    this.#slots = slots;
    this.#noted = noted;
    this.#turn = turn;
  }

  /** The two slots of an empty journal; what is still absent after a crash in here is an unfinished store, and refused. */
  static async create(folder: string, sealing: Sealing): Promise<void> {
    const empty: Head = { seq: 0, hash: beginning(storeTag(sealing.storeId)) };
    await writeDurably(join(folder, 'journal'), new Uint8Array());
    await writeDurably(join(folder, 'head'), concat(slot(sealing, empty), slot(sealing, empty)));
  }

  /**
   * Reads it line by line, and hands each event to `take`: never the file as a whole, which may be of any length. node/store-tampered, node/store-incomplete, node/store-behind where it is shorter than its slots
   * say. A line that a killed process left unfinished was never acknowledged, and is cut off; a journal that is refused stays as it is.
   */
  static async open(folder: string, sealing: Sealing, take: (event: StoreEvent) => void): Promise<Journal> {
    const path = join(folder, 'journal');
    const [isThere, head] = await Promise.all([isPresent(path), readIfPresent(join(folder, 'head'))]);
    if (!isThere || !head)
      throw new Problem('node/store-incomplete', `${folder} has no ${isThere ? 'head' : 'journal'}.`, { file: isThere ? 'head' : 'journal' });
    const slots = readSlots(sealing, head);
    const newest = slots[0].seq > slots[1].seq ? 0 : 1;
    const noted = slots[newest];

    const key = subkey(sealing.storeKey, fromHex(sealing.storeId), 'cairn/node-journal/v1');
    let file: AppendFile | undefined;
    const chain = new HashChain(storeTag(sealing.storeId), { lines: (after, most) => file!.lines(after, most), bodyOf });
    try {
      const opened = await AppendFile.open(path, (line) => take(readLine(key, sealing, chain, line)));
      file = opened.file;
      await demandExtends(chain, noted);
      await file.cut(opened.torn);
      return new Journal(sealing, chain, key, file, await open(join(folder, 'head'), 'r+'), noted, 1 - newest);
    } catch (error) {
      key.fill(0);
      await file?.close();
      throw error;
    }
  }

  /** Durable when it resolves, in the order of the calls; node/disk-failed, then and ever after. */
  async append(event: StoreEvent): Promise<void> {
    if (this.#broken) throw this.#broken;
    const plain = utf8(canonicalJson(event));
    const sealed = encrypt(this.#key, associated(this.#sealing, this.#tip), plain, this.#sealing.random);
    const line = Buffer.from(sealed).toString('base64');
    const body = bodyOf(utf8(line));
    this.#tip = linked(this.chain.tag, this.#tip, body);
    await this.#file.append(line);
    const head = this.chain.push(body);
    // The slots follow behind: nothing waits for them, and they never say more than what is durable.
    if (head.seq > this.#noted.seq) this.#noted = head;
    this.#noting ??= this.#note();
  }

  /** Everything that is durable, read and checked again from the disk. */
  async *events(): AsyncGenerator<StoreEvent> {
    await this.#file.settle();
    const chain = new HashChain(this.chain.tag);
    for await (const line of this.#file.lines()) yield readLine(this.#key, this.#sealing, chain, line);
  }

  async close(): Promise<void> {
    await this.#file.close();
    while (this.#noting) await this.#noting;
    await this.#slots.close();
    this.#key.fill(0);
  }

  async #note(): Promise<void> {
    try {
      for (let written: Head | undefined; written !== this.#noted;) {
        written = this.#noted;
        await this.#slots.write(slot(this.#sealing, written), 0, SLOT_BYTES, this.#turn * SLOT_BYTES);
        await this.#slots.datasync();
        this.#turn = 1 - this.#turn;
      }
    } catch (cause) {
      this.#broken = new Problem('node/disk-failed', 'The head of the journal could not be written.', {}, cause);
    }
    this.#noting = undefined;
  }
}

/** What one line is bound to: the store, the node and everything before it. */
function associated({ node, storeId }: Sealing, before: Head): Uint8Array {
  return utf8(canonicalJson({ format: 'cairn-node-journal/1', node, storeId, seq: before.seq + 1, previous: before.hash }));
}

function bodyOf(line: Uint8Array): Hex {
  return toHex(sha256(line));
}

function readLine(key: Uint8Array, sealing: Sealing, chain: HashChain, line: Buffer): StoreEvent {
  // Base64 has several spellings of the same bytes; the chain hashes the spelling.
  const plain = decrypt(key, associated(sealing, chain.head), Buffer.from(line.toString('latin1'), 'base64'));
  if (!plain)
    throw new Problem('node/store-tampered', `Line ${chain.head.seq + 1} of the journal is not what was sealed there.`, {
      file: 'journal',
      line: chain.head.seq + 1,
    });
  chain.push(bodyOf(line));
  return JSON.parse(Buffer.from(plain).toString()) as StoreEvent;
}

async function demandExtends(chain: HashChain, noted: Head): Promise<void> {
  const hash = await chain.hashAt(noted.seq);
  if (hash === noted.hash) return;
  if (hash !== undefined) throw new Problem('node/store-tampered', `The journal and its head disagree about line ${noted.seq}.`, { file: 'head' });
  throw new Problem('node/store-behind', `The journal had ${noted.seq} lines and has ${chain.head.seq}.`, {
    file: 'journal',
    remembered: noted.seq,
    found: chain.head.seq,
  });
}

function labelOf({ node, storeId }: Sealing, seq: number): Label {
  return { format: 'cairn-node-record/1', kind: 'head', storeId, node, keyId: '', epochId: '', peer: 0, serial: seq };
}

/** len32 || sealed record || zeros: the plaintext is seq u64 || hash 32. A sector at most, so that no power loss leaves half of one. */
function slot(sealing: Sealing, { seq, hash }: Head): Uint8Array {
  const sealed = seal(sealing.storeKey, labelOf(sealing, 0), concat(uintBytes(seq, 8), fromHex(hash)), sealing.random);
  assert(sealed.length + 4 <= SLOT_BYTES, 'a head fits its slot');
  return concat(uintBytes(sealed.length, 4), sealed, new Uint8Array(SLOT_BYTES - 4 - sealed.length));
}

function readSlots(sealing: Sealing, bytes: Buffer): readonly [Head, Head] {
  const tampered = () => new Problem('node/store-tampered', 'The head of the journal is not what was sealed.', { file: 'head' });
  if (bytes.length !== 2 * SLOT_BYTES) throw tampered();
  const read = (half: Buffer): Head => {
    const length = half.readUInt32BE();
    if (length > SLOT_BYTES - 4 || half.subarray(4 + length).some((byte) => byte !== 0)) throw tampered();
    const plain = Buffer.from(unseal(sealing.storeKey, labelOf(sealing, 0), half.subarray(4, 4 + length), 'head'));
    if (plain.length !== 40) throw tampered();
    return { seq: Number(plain.readBigUInt64BE()), hash: toHex(plain.subarray(8)) };
  };
  return [read(bytes.subarray(0, SLOT_BYTES)), read(bytes.subarray(SLOT_BYTES))];
}
