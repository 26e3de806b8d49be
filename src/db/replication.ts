import type { EventEmitter } from 'node:events';
import pg from 'pg';
import { assert } from '#base';
import { toProblem } from './errors.ts';
import { connectionConfig } from './url.ts';

export interface ReplicationOptions {
  /** Of a login with the attribute REPLICATION, or of a superuser. */
  readonly url: string;
  /** Name of the slot, unique on the server: lower-case letters, digits and underscores. It is there only while this connection is. */
  readonly slot: string;
  readonly publication: string;
  /** Told each message of the server, in order. The bytes are only valid during the call. */
  readonly onData: (payload: Uint8Array) => void;
  /** How long each transaction that is open on the server is waited for while this is opened, before it fails with `store/busy`. */
  readonly patienceMs: number;
  /** Gives up while it is being opened. */
  readonly signal: AbortSignal;
}

/** A running logical replication, which nobody ever waits for. */
export interface Replication {
  /** The server keeps its log for a slot without end (`max_slot_wal_keep_size` is -1). */
  readonly isKeptWithoutEnd: boolean;
  /** Sends a message to the server; nothing happens where the connection is gone. */
  send(payload: Uint8Array): void;
  /** Settles, and never rejects, when the connection has ended: with the error that ended it, or null. */
  readonly ended: Promise<unknown>;
  /** Ends it. When this returns the server has dropped the slot, or does not answer. */
  close(): Promise<void>;
}

export type OpenReplication = (options: ReplicationOptions) => Promise<Replication>;

/** What pg's connection does in PostgreSQL's COPY BOTH mode, which its types leave out. */
type CopyBoth = EventEmitter & { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void };

const CLOSE_MS = 2_000;

/**
 * Opens a temporary slot and streams what is committed from then on, in the messages of pgoutput, version 1: everything that was committed before this returns
 * is in the tables, everything after it is told. Waits for the transactions that are open on the server, by a lock on each: the server ends that wait itself,
 * for it would go on, with its log kept for the slot, when we are long gone. Throws what the server refuses, as a Problem where the registry knows it.
 */
export async function openReplication({ url, slot, publication, onData, patienceMs, signal }: ReplicationOptions): Promise<Replication> {
  assert(/^[a-z0-9_]{1,63}$/.test(slot) && /^[a-z0-9_]{1,63}$/.test(publication), 'names of slots and publications are plain');
  const config = {
    ...connectionConfig(url),
    application_name: 'cairn heads',
    replication: 'database',
    keepAliveInitialDelayMillis: 10_000,
    lock_timeout: patienceMs,
  };
  const client = new pg.Client(config);
  const connection = client.connection as unknown as CopyBoth;
  let failure: unknown = null;
  client.on('error', (error) => (failure ??= error));
  const ended = new Promise<unknown>((resolve) => client.once('end', () => resolve(failure === null ? null : toProblem(failure))));
  const giveUp = () => void client.end().catch(() => undefined);
  signal.addEventListener('abort', giveUp);
  try {
    await client.connect();
    if (signal.aborted) giveUp();
    const { rows } = await client.query<{ max_slot_wal_keep_size: string }>('SHOW max_slot_wal_keep_size');
    await client.query(`CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'nothing')`);
    connection.on('copyData', ({ chunk }: { chunk: Uint8Array }) => onData(chunk));
    const copying = client.query(`START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names '${publication}')`);
    await Promise.race([new Promise((resolve) => connection.once('replicationStart', resolve)), copying]);
    // Where the server ends it, by an error of its own, the connection goes as well, and that is the reason.
    const copied = copying.catch((error: unknown) => void (failure ??= error)).then(() => client.end().catch(() => undefined));
    return {
      isKeptWithoutEnd: rows[0]?.max_slot_wal_keep_size === '-1',
      send: (payload) => connection.sendCopyFromChunk(Buffer.from(payload)),
      ended,
      close: () => end(client, connection, copied),
    };
  } catch (error) {
    await client.end().catch(() => undefined);
    throw toProblem(error);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** In order, so that the slot is gone from the server when the connection is; a server that does not answer is left to notice by itself. */
async function end(client: pg.Client, connection: CopyBoth, copied: Promise<unknown>): Promise<void> {
  connection.endCopyFrom();
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_MS)));
  await Promise.race([copied, patience]);
  clearTimeout(timer);
  await client.end().catch(() => undefined);
}
