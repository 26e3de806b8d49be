import { Problem } from '#base';

/** Prefix to namespace; '' is the default. */
export type Scope = ReadonlyMap<string, string>;

const XML = 'http://www.w3.org/XML/1998/namespace';
const XMLNS = 'http://www.w3.org/2000/xmlns/';

/** Outside of every declaration: the prefix xml is bound by definition (Namespaces in XML 1.0 section 3), and an element without any namespace has the empty one. */
export const OUTERMOST: Scope = new Map([
  ['xml', XML],
  ['', ''],
]);

/**
 * The scope inside an element with these attributes (references replaced). Throws `payments/malformed-xml` where they break a constraint of Namespaces in XML 1.0:
 * reserved prefixes and names (section 3), no prefix undeclared (section 5) or used undeclared (section 4), attributes unique also by namespace (section 6.3).
 */
export function scopeOf(attributes: ReadonlyMap<string, string>, outer: Scope): Scope {
  if (attributes.size === 0) return outer;
  const declared = [...attributes].filter(([name]) => isDeclaration(name)).map(([name, uri]) => [name.slice(6), uri] as const);
  for (const [prefix, uri] of declared) requireBindable(prefix, uri);
  const scope = declared.length === 0 ? outer : new Map([...outer, ...declared]);
  const expanded = new Set<string>();
  for (const name of attributes.keys()) {
    const [prefix = '', local] = name.split(':');
    if (local === undefined || isDeclaration(name)) continue;
    const uri = scope.get(prefix);
    if (uri === undefined) throw malformed(`The prefix of the attribute ${name.slice(0, 60)} is not declared.`);
    if (expanded.has(`${uri} ${local}`)) throw malformed(`The attribute ${name.slice(0, 60)} stands twice, under two prefixes of one namespace.`);
    expanded.add(`${uri} ${local}`);
  }
  return scope;
}

function isDeclaration(attribute: string): boolean {
  return attribute === 'xmlns' || attribute.startsWith('xmlns:');
}

function requireBindable(prefix: string, uri: string): void {
  const isWrong = prefix === 'xmlns' || uri === XMLNS || (prefix === 'xml') !== (uri === XML) || (prefix !== '' && uri === '');
  if (isWrong) throw malformed(`The prefix "${prefix.slice(0, 60)}" cannot be bound to "${uri.slice(0, 60)}".`);
}

function malformed(detail: string): Problem {
  return new Problem('payments/malformed-xml', detail);
}
