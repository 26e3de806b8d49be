/** A client of the API in a process of its own: so many connections that are kept alive, each with one request at a time. Started by http.ts, which sends the order and gets what was measured. */
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { assert, type AccountId } from '#base';
import { transfers } from './work.ts';

export interface LoadOrder {
  readonly port: number;
  readonly token: string;
  readonly accounts: readonly AccountId[];
  readonly connections: number;
  /** Transfers in a request; a request of one goes to the route for one. */
  readonly size: number;
  readonly seconds: number;
}

export interface LoadReport {
  /** Transfers whose answer has come. */
  readonly booked: number;
  readonly elapsedMs: number;
  readonly p99Ms: number;
}

/** More than any machine books in that time, so that nothing is made up while the clock runs. */
const MOST_A_SECOND = 40_000;

function requestOf({ token, accounts, size }: LoadOrder): Buffer {
  const items = transfers(accounts, size).map(({ id, debit, credit, asset, amount }) => ({ id, debit, credit, asset, amount: `${amount}` }));
  const body = JSON.stringify(size === 1 ? items[0] : { transfers: items });
  const path = size === 1 ? '/v1/transfers' : '/v1/transfers/batch';
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** One connection: sends a request, waits for the whole answer, sends the next. A raw socket, because a client library would take more of the machine than the server. */
function talk(port: number, next: () => Buffer | null, answered: (status: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let status = 0;
    let missing = 0;
    const send = (): void => {
      const request = next();
      if (request) socket.write(request);
      else socket.end(resolve);
    };
    socket.on('connect', send).on('error', reject);
    socket.on('data', (chunk) => {
      if (missing === 0) {
        const text = chunk.toString('latin1', 0, 2_048);
        const end = text.indexOf('\r\n\r\n');
        assert(end > 0, 'the head of an answer comes in one piece');
        status = Number(text.slice(9, 12));
        missing = Number(/content-length: (\d+)/i.exec(text)?.[1]) + end + 4;
      }
      missing -= chunk.length;
      if (missing > 0) return;
      answered(status);
      send();
    });
  });
}

async function load(order: LoadOrder): Promise<LoadReport> {
  const { port, connections, size, seconds } = order;
  const most = Math.ceil((seconds * MOST_A_SECOND) / (size === 1 ? 4 : 1) / size);
  const requests = Array.from({ length: most }, () => requestOf(order));
  const waits: number[] = [];
  let sent = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  const line = (): Promise<void> => {
    let asked = 0;
    return talk(
      port,
      () => {
        asked = performance.now();
        return asked < end && sent < requests.length ? requests[sent++]! : null;
      },
      (status) => {
        assert(status === 201 || status === 200, `the API answers ${status}`);
        waits.push(performance.now() - asked);
      },
    );
  };
  await Promise.all(Array.from({ length: connections }, line));
  const elapsedMs = performance.now() - start;
  return { booked: waits.length * size, elapsedMs, p99Ms: waits.sort((a, b) => a - b)[Math.floor(waits.length * 0.99)] ?? 0 };
}

process.once('message', (order: LoadOrder) => {
  void load(order).then((report) => process.send?.(report, () => process.disconnect()));
});
