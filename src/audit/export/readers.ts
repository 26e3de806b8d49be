import { isHex, isUuid, Problem, type Hex } from '#base';

/** Reads one value of a line of an export; `where` names it for whoever has to find it. */
export type Reader<T> = (value: unknown, where: string) => T;

export function badExport(where: string, what: string): Problem {
  return new Problem('audit/bad-export', `${where} is not ${what}.`, { where });
}

export const text: Reader<string> = (value, where) => {
  if (typeof value !== 'string') throw badExport(where, 'text');
  return value;
};

export const integer: Reader<number> = (value, where) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw badExport(where, 'an integer');
  return value;
};

export const big: Reader<bigint> = (value, where) => {
  if (typeof value !== 'string' || !/^(0|-?[1-9]\d{0,38})$/.test(value)) throw badExport(where, 'a decimal integer as text');
  return BigInt(value);
};

export function hex(bytes?: number): Reader<Hex> {
  return (value, where) => {
    if (typeof value !== 'string' || !isHex(value, bytes)) throw badExport(where, `${bytes === undefined ? '' : `${bytes} bytes of `}lower-case hexadecimal`);
    return value;
  };
}

export function uuid<Id extends string>(value: unknown, where: string): Id {
  if (typeof value !== 'string' || !isUuid(value)) throw badExport(where, 'a UUID');
  return value as string as Id;
}

export function nullable<T>(reader: Reader<T>): Reader<T | null> {
  return (value, where) => (value === null ? null : reader(value, where));
}

export function list<T>(reader: Reader<T>): Reader<readonly T[]> {
  return (value, where) => {
    if (!Array.isArray(value)) throw badExport(where, 'a list');
    return value.map((item: unknown, i) => reader(item, `${where}[${i}]`));
  };
}

/** Exactly these members, each read by its own reader. */
export function object<T>(readers: { readonly [Member in keyof T]: Reader<T[Member]> }): Reader<T> {
  const members = Object.keys(readers) as (keyof T & string)[];
  return (value, where) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badExport(where, 'an object');
    const source = value as Readonly<Record<string, unknown>>;
    const same = Object.keys(source).length === members.length && members.every((member) => Object.hasOwn(source, member));
    if (!same) throw badExport(where, `an object of exactly ${members.join(', ')}`);
    return Object.fromEntries(members.map((member) => [member, readers[member](source[member], `${where}, ${member}`)])) as T;
  };
}
