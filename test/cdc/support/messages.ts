/** The other side of the wire: frames and messages as a server writes them. */

interface RowOf {
  readonly relation: number;
  readonly values: readonly (string | null | undefined)[];
  readonly old: readonly [part: string, values: readonly (string | null | undefined)[]] | null;
}

export function relationBytes({
  relation,
  schema,
  table,
  columns,
}: {
  readonly relation: number;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[];
}): Uint8Array {
  const described = columns.map((column) => Buffer.concat([Buffer.from([1]), text(column), uint32(20), uint32(0xffffffff)]));
  return Buffer.concat([Buffer.from('R'), uint32(relation), text(schema), text(table), Buffer.from('d'), uint16(columns.length), ...described]);
}

export function updateBytes({ relation, values, old }: RowOf): Uint8Array {
  const before = old ? [Buffer.from(old[0]), tuple(old[1])] : [];
  return Buffer.concat([Buffer.from('U'), uint32(relation), ...before, Buffer.from('N'), tuple(values)]);
}

export function insertBytes(): Uint8Array {
  return Buffer.concat([Buffer.from('I'), uint32(7), Buffer.from('N'), tuple(['1'])]);
}

export function beginBytes(): Uint8Array {
  return Buffer.concat([Buffer.from('B'), uint64(1n), uint64(2n), uint32(3)]);
}

export function commitBytes(end: bigint): Uint8Array {
  return Buffer.concat([Buffer.from('C'), Buffer.from([0]), uint64(1n), uint64(end), uint64(2n)]);
}

export function keepaliveBytes(end: bigint, wantsReply: boolean): Uint8Array {
  return Buffer.concat([Buffer.from('k'), uint64(end), uint64(1n), Buffer.from([wantsReply ? 1 : 0])]);
}

function tuple(values: readonly (string | null | undefined)[]): Buffer {
  const columns = values.map((value) => {
    if (value === null) return Buffer.from('n');
    if (value === undefined) return Buffer.from('u');
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from('t'), uint32(bytes.length), bytes]);
  });
  return Buffer.concat([uint16(values.length), ...columns]);
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
