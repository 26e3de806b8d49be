import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Express } from 'express';
import { Problem, type ProblemCode } from '#base';
import { problemDocument } from './frame/problem-json.ts';

export interface ListenOptions {
  /** 127.0.0.1 unless told: a server that holds money is not put on every network by default. */
  readonly host?: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Names refusals that never become a request: a UUID. */
  readonly requestId: () => string;
}

export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Takes no new connection, lets requests in flight finish for `graceMs` (5 s unless told), then cuts. */
  close(graceMs?: number): Promise<void>;
}

const HEADER_BYTES = 16 * 1024;

/** Serves the application over HTTP/1.1. TLS ends before it, at the operator's proxy. */
export async function listen(app: Express, options: ListenOptions): Promise<Listening> {
  const { host = '127.0.0.1', port, requestId } = options;
  const server = createServer({ maxHeaderSize: HEADER_BYTES, requestTimeout: 60_000, headersTimeout: 15_000, keepAliveTimeout: 15_000 }, app);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseRaw(error, socket, requestId()));
  await bind(server, host, port);
  const address = server.address() as AddressInfo;
  const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${shown}:${address.port}`,
    port: address.port,
    close: (graceMs = 5_000) => closeServer(server, graceMs),
  };
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const code = error.code === 'EADDRINUSE' ? 'http/address-in-use' : 'http/address-refused';
      reject(new Problem(code, `Cannot listen on ${host}, port ${port} (${error.code ?? 'unknown'}).`, { host, port }, error));
    });
    server.listen({ host, port }, resolve);
  });
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

const RAW_CODES: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'http/headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'http/request-timeout',
};

// Node refuses these before there is a request or a response object: the answer is written to the socket as it is.
function refuseRaw(error: NodeJS.ErrnoException, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const problem = new Problem(RAW_CODES[error.code ?? ''] ?? 'http/malformed-request', 'The server could not read this as an HTTP request.');
  const document = problemDocument(problem, requestId);
  const body = JSON.stringify(document);
  const head = [
    `HTTP/1.1 ${document.status} ${document.title}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
