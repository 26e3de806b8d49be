/** `cairn dev openapi`: writes docs/openapi.json from the routes and schemas of the API. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiDocument } from '#http';
import { ROOT } from './child.ts';

/** The committed form of the document: two blanks a level, one line feed at the end. */
export function openApiPage(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}

if (import.meta.main) {
  writeFileSync(join(ROOT, 'docs', 'openapi.json'), openApiPage());
  console.log('docs/openapi.json is written.');
}
