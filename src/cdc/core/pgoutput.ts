import { Problem } from '#base';
import type { Lsn } from './frames.ts';

/** The messages of pgoutput, version 1 (PostgreSQL's documentation, "Logical Replication Message Formats"), as far as a publication of updates needs them. */
export type Message =
  | { readonly kind: 'relation'; readonly relation: number; readonly schema: string; readonly table: string; readonly columns: readonly string[] }
  | { readonly kind: 'update'; readonly relation: number; readonly values: readonly Value[] }
  /** Ends a transaction; everything since the last one belongs to it. */
  | { readonly kind: 'commit'; readonly end: Lsn }
  /** What says nothing that is asked here: a beginning, an origin, a type, a row that came or went. */
  | { readonly kind: 'other'; readonly tag: string };

/** A column as text; null where it is null, undefined where the server leaves out a large value that did not change. */
export type Value = string | null | undefined;

const OTHERS = 'BOYIDTM';

/** Throws `store/unreadable-stream` where the bytes are not one whole message. */
export function readMessage(bytes: Uint8Array): Message {
  const reader = new Reader(bytes);
  const tag = String.fromCharCode(reader.uint8());
  const message = body(tag, reader);
  if (message.kind !== 'other') reader.end();
  return message;
}

function body(tag: string, reader: Reader): Message {
  switch (tag) {
    case 'R':
      return relation(reader);
    case 'U':
      return update(reader);
    case 'C':
      reader.uint8();
      reader.lsn();
      return { kind: 'commit', end: commitEnd(reader) };
    default:
      if (!OTHERS.includes(tag)) throw unreadable(`of the unknown kind ${JSON.stringify(tag)}`);
      return { kind: 'other', tag };
  }
}

function commitEnd(reader: Reader): Lsn {
  const end = reader.lsn();
  // When it was committed.
  reader.lsn();
  return end;
}

function relation(reader: Reader): Message {
  const id = reader.uint32();
  const schema = reader.text();
  const table = reader.text();
  // The replica identity.
  reader.uint8();
  const columns = Array.from({ length: reader.uint16() }, () => {
    reader.uint8();
    const name = reader.text();
    // Type and its modifier.
    reader.uint32();
    reader.uint32();
    return name;
  });
  return { kind: 'relation', relation: id, schema, table, columns };
}

function update(reader: Reader): Message {
  const id = reader.uint32();
  let part = String.fromCharCode(reader.uint8());
  if (part === 'K' || part === 'O') {
    // The row as it was, or its key.
    tuple(reader);
    part = String.fromCharCode(reader.uint8());
  }
  if (part !== 'N') throw unreadable(`of an update with the part ${JSON.stringify(part)}`);
  return { kind: 'update', relation: id, values: tuple(reader) };
}

function tuple(reader: Reader): Value[] {
  return Array.from({ length: reader.uint16() }, () => {
    const format = String.fromCharCode(reader.uint8());
    if (format === 'n') return null;
    if (format === 'u') return undefined;
    if (format !== 't') throw unreadable(`with a column of the format ${JSON.stringify(format)}`);
    return reader.utf8(reader.uint32());
  });
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  lsn(): Lsn {
    return this.#view.getBigUint64(this.#take(8));
  }

  utf8(length: number): string {
    const from = this.#take(length);
    try {
      return UTF8.decode(this.#bytes.subarray(from, from + length));
    } catch (cause) {
      throw unreadable('with text that is not UTF-8', cause);
    }
  }

  /** Up to a zero byte. */
  text(): string {
    const length = this.#bytes.indexOf(0, this.#at) - this.#at;
    if (length < 0) throw unreadable('whose text does not end');
    const text = this.utf8(length);
    this.#at++;
    return text;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw unreadable(`with ${this.#bytes.length - this.#at} bytes too many`);
  }

  #take(length: number): number {
    const from = this.#at;
    if (from + length > this.#bytes.length) throw unreadable(`that ends after ${this.#bytes.length} bytes`);
    this.#at = from + length;
    return from;
  }
}

function unreadable(what: string, cause?: unknown): Problem {
  return new Problem('store/unreadable-stream', `The server sent a message ${what}.`, {}, cause);
}
