/** The door of payments. What an order file says and costs is pure and stands in #payments/core. */
export * from './pain001/xsd-store.ts';
