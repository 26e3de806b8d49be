import { readFileSync } from 'node:fs';
import { XmlDocument, XmlLibError, XmlValidateError, XsdValidator, type ErrorDetail } from 'libxml2-wasm';
import { Problem } from '#base';

const SHOWN_VIOLATIONS = 10;

function parse(bytes: Uint8Array): XmlDocument {
  try {
    // The default options load no DTD and no external entity; libxml2's own limits on depth and expansion stay on.
    return XmlDocument.fromBuffer(bytes);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new Problem('payments/malformed-xml', `libxml2 cannot parse the file: ${message.slice(0, 300)}`, {}, cause);
  }
}

function compile(path: string): XsdValidator {
  try {
    const schema = XmlDocument.fromBuffer(readFileSync(path));
    try {
      return XsdValidator.fromDoc(schema);
    } finally {
      schema.dispose();
    }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new Problem('payments/schema-unusable', `${path} is no schema we can use: ${message.slice(0, 300)}`, { path }, cause);
  }
}

function schemaInvalid(details: readonly ErrorDetail[]): Problem {
  const violations = details.slice(0, SHOWN_VIOLATIONS).map(({ line, message }) => `line ${line}: ${message.trim().slice(0, 300)}`);
  const more = details.length > SHOWN_VIOLATIONS ? ` (and ${details.length - SHOWN_VIOLATIONS} more)` : '';
  return new Problem('payments/schema-invalid', `${violations.join(' ')}${more}`, { violations });
}

/** A schema stays compiled for the life of the process, one a path: a message then takes well under a millisecond. */
const compiled = new Map<string, XsdValidator>();

function validatorOf(path: string): XsdValidator {
  const validator = compiled.get(path) ?? compile(path);
  compiled.set(path, validator);
  return validator;
}

/**
 * Validates an order file against the XSD at `path`. Throws `payments/schema-unusable` where that is missing or no schema, `payments/malformed-xml` where libxml2
 * cannot parse the file, `payments/doctype-refused`, and `payments/schema-invalid` with the first ten violations and their lines.
 */
export function validateXsd(bytes: Uint8Array, path: string): void {
  const validator = validatorOf(path);
  const document = parse(bytes);
  try {
    if (document.dtd) throw new Problem('payments/doctype-refused', 'The file carries a document type declaration.');
    validator.validate(document);
  } catch (cause) {
    if (cause instanceof XmlValidateError) throw schemaInvalid(cause.details);
    if (cause instanceof XmlLibError) throw new Problem('payments/schema-unusable', `The validation broke off: ${cause.message.slice(0, 300)}`, {}, cause);
    throw cause;
  } finally {
    document.dispose();
  }
}
