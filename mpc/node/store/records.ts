import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem, toHex } from '#base';
import { eraseFile, readIfPresent, writeDurably } from '../files/files.ts';
import { sha256 } from '../heads/heads.ts';
import type { EpochRef, FileRef } from './events.ts';
import type { Sealing } from './journal.ts';
import { seal, unseal, type Label } from './seal.ts';

/** A record before it is sealed; the bytes stay the caller's to wipe. */
export interface Content {
  readonly kind: FileRef['kind'];
  /** Of a pair; else 0. */
  readonly peer: number;
  readonly plain: Uint8Array;
}

/** A file of the store and the epoch that it belongs to. */
export type Owned = readonly [ref: EpochRef, file: FileRef];

/** The sealed files of a store and, while it is open, what is in them. Which of them count, the journal says. */
export class Records {
  readonly #folder: string;
  readonly #sealing: Sealing;
  readonly #opened = new Map<string, Uint8Array>();

  private constructor(folder: string, sealing: Sealing) {
    this.#folder = folder;
    this.#sealing = sealing;
  }

  static async create(folder: string): Promise<void> {
    await mkdir(join(folder, 'records'), { recursive: true, mode: 0o700 });
  }

  /** Opens exactly these. node/store-incomplete, -swapped, -tampered; -behind where a file was written after the journal that names these. */
  static async open(folder: string, sealing: Sealing, live: readonly Owned[], serial: number): Promise<Records> {
    const records = new Records(join(folder, 'records'), sealing);
    try {
      await records.#demandNoneAfter(serial);
      for (const [ref, file] of live) records.#opened.set(nameOf(file), await records.#read(ref, file));
    } catch (error) {
      records.wipe();
      throw error;
    }
    return records;
  }

  /** A copy, for the caller to wipe. node/wrong-state where nothing is left. */
  get(file: FileRef | undefined): Uint8Array {
    const plain = file && this.#opened.get(nameOf(file));
    if (!plain) throw new Problem('node/wrong-state', 'Nothing is left of this record.');
    return Uint8Array.from(plain);
  }

  /** Sealed under this serial; nothing is written yet. */
  seal(ref: EpochRef, serial: number, contents: readonly Content[]): { readonly files: readonly FileRef[]; readonly write: () => Promise<void> } {
    const sealed = contents.map(({ kind, peer, plain }) => {
      const bytes = seal(this.#sealing.storeKey, labelOf(this.#sealing, ref, { kind, peer, serial }), plain, this.#sealing.random);
      return { file: { kind, peer, serial, digest: toHex(sha256(bytes)) }, bytes, plain };
    });
    const write = async (): Promise<void> => {
      for (const { file, bytes } of sealed) await writeDurably(join(this.#folder, nameOf(file)), bytes);
      for (const { file, plain } of sealed) this.#opened.set(nameOf(file), Uint8Array.from(plain));
    };
    return { files: sealed.map(({ file }) => file), write };
  }

  /** Wipes the copies in memory; the files stay. */
  forget(files: readonly FileRef[]): void {
    for (const name of files.map(nameOf)) {
      this.#opened.get(name)?.fill(0);
      this.#opened.delete(name);
    }
  }

  /** In memory and on the disk. */
  async erase(files: readonly FileRef[]): Promise<void> {
    this.forget(files);
    for (const file of files) await eraseFile(join(this.#folder, nameOf(file)));
  }

  /** Every file but these; their names. */
  async eraseAllBut(live: readonly FileRef[]): Promise<string[]> {
    const names = new Set(live.map(nameOf));
    const dead = (await readdir(this.#folder)).filter((name) => !names.has(name));
    for (const name of dead) await eraseFile(join(this.#folder, name));
    return dead;
  }

  wipe(): void {
    for (const plain of this.#opened.values()) plain.fill(0);
    this.#opened.clear();
  }

  async #read(ref: EpochRef, file: FileRef): Promise<Uint8Array> {
    const name = nameOf(file);
    const bytes = await readIfPresent(join(this.#folder, name));
    if (!bytes) throw new Problem('node/store-incomplete', `${name} is missing.`, { file: name });
    const plain = unseal(this.#sealing.storeKey, labelOf(this.#sealing, ref, file), bytes, name);
    if (toHex(sha256(bytes)) === file.digest) return plain;
    plain.fill(0);
    throw new Problem('node/store-tampered', `${name} is not the record that the journal refers to.`, { file: name });
  }

  /** A killed ceremony leaves files of the next serial at most; any later one was written by a later journal than this. */
  async #demandNoneAfter(serial: number): Promise<void> {
    const names = await readdir(this.#folder).catch((cause: unknown) => {
      throw new Problem('node/store-incomplete', `There is no folder ${this.#folder}.`, { file: 'records' }, cause);
    });
    const later = names.find((name) => Number(/^(\d+)-/.exec(name)?.[1] ?? 0) > serial + 1);
    if (later) throw new Problem('node/store-behind', `${later} was written after this journal.`, { file: later, serial });
  }
}

function nameOf({ serial, kind, peer }: FileRef): string {
  return kind === 'pair' ? `${serial}-pair-${peer}.sealed` : `${serial}-${kind}.sealed`;
}

function labelOf({ node, storeId }: Sealing, { keyId, epochId }: EpochRef, { kind, peer, serial }: Omit<FileRef, 'digest'>): Label {
  return { format: 'cairn-node-record/1', kind, storeId, node, keyId, epochId, peer, serial };
}
