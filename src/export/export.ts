/** The door of export: everything an auditor needs of a deployment, in one file, read by a role that can change nothing. */
export { exportCommand } from './command.ts';
export { writeExport, type ExportOptions, type WrittenExport } from './write.ts';
