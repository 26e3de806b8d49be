import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { openApiDocument, SCOPES } from '#http';
import { openApiPage } from '../../scripts/dev/openapi.ts';
import type { Body } from './support/api.ts';
import { ROUTES } from '../../src/http/routes/routes.ts';

type Json = Record<string, Body>;

/** Everything in the document that is called `key`. */
function all(value: unknown, key: string): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [...(name === key ? [member] : []), ...all(member, key)]);
}

describe('the OpenAPI document', () => {
  const document: Json = openApiDocument();

  it('is committed as docs/openapi.json as it is served (write it anew with `npx cairn dev openapi`)', () => {
    assert.equal(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'), openApiPage());
  });

  it('is OpenAPI 3.1, and every reference in it leads somewhere', () => {
    assert.match(document['openapi'], /^3\.1\./);
    for (const reference of all(document, '$ref') as string[]) {
      const target = reference
        .split('/')
        .slice(1)
        .reduce((at: Body, name) => at?.[name], document);
      assert.ok(target, reference);
    }
  });

  it('names every operation once and says which scope it needs', () => {
    const operations = Object.values<Json>(document['paths']).flatMap((item) => Object.values<Json>(item));
    const names = operations.map((operation) => operation['operationId']);
    assert.equal(new Set(names).size, names.length);
    for (const operation of operations.filter(({ security }) => security.length > 0)) {
      const scope = /scope `([a-z:]+)`/.exec(operation['description'])?.[1];
      assert.ok(
        SCOPES.some((one) => one === scope),
        operation['operationId'],
      );
    }
  });

  it('asks for the Idempotency-Key wherever the server does, and nowhere else', () => {
    for (const { method, path, once, namesItsIds } of ROUTES) {
      const parameters: Json[] = document['paths'][path][method]['parameters'] ?? [];
      const asked = parameters.some(({ name, required }) => name === 'Idempotency-Key' && required === true);
      assert.equal(asked, once && !namesItsIds, `${method} ${path}`);
    }
  });

  it('shows the same limits that the server checks: amounts are strings, unknown members are refused', () => {
    const { TransferRequest } = document['components']['schemas'];
    assert.equal(TransferRequest.properties.amount.type, 'string');
    assert.equal(TransferRequest.properties.amount.pattern, '^(0|[1-9][0-9]{0,38})$');
    assert.equal(TransferRequest.additionalProperties, false);
    assert.equal(document['components']['schemas'].TransfersRequest.properties.transfers.maxItems, 8_000);
    const money = ['amount', 'total', 'fee', 'cost', 'overdraft', 'debitsPosted', 'creditsPending'];
    for (const name of money) for (const schema of all(document, name) as Json[]) assert.equal(schema['type'], 'string', name);
  });

  it('documents every problem a route may answer with a description of it', () => {
    for (const { method, path, problems } of ROUTES) {
      const text = JSON.stringify(document['paths'][path][method]['responses']);
      for (const code of problems) assert.ok(text.includes(code), `${method} ${path}: ${code}`);
    }
  });
});
