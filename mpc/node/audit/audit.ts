/** What a node says that it did, in a log that it cannot quietly rewrite. */
export { AuditLog, type AuditOptions } from './auditLog.ts';
export { AuditReading, auditTag, type AuditEntry, type AuditFinding, type AuditKind, type AuditLine } from './line.ts';
