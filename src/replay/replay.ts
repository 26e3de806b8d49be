/** The door of replay: everything that a book's journal adds up to, built again from the journal alone and compared with what is stored. */
export { replayCommand } from './command.ts';
export { replayDatabase, type BookReport, type ReplayOptions, type ReplayProgress, type ReplayReport } from './run.ts';
