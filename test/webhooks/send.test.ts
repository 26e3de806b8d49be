import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Problem } from '#base';
import { sender, type Posting } from '../../src/webhooks/send.ts';

/** Longer than any test may take: what ends before did not wait for it. */
const NEVER_MS = 600_000;

const isRefused = (error: unknown) => error instanceof Problem && error.code === 'http/webhook-url';

describe('an attempt to tell somebody', () => {
  let stop: (() => void)[];
  beforeEach(() => (stop = []));
  afterEach(() => stop.forEach((step) => step()));

  /** Listens on 127.0.0.1 only, and does to each connection what the test says once something came. */
  async function serve(reply: (socket: Socket) => unknown): Promise<number> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).once('data', () => reply(socket));
    });
    stop.push(() => (sockets.forEach((socket) => socket.destroy()), server.close()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }
  const to = (port: number, host = '127.0.0.1'): Posting => ({ url: `http://${host}:${port}/`, body: '{}', headers: {} });

  it('fails where the answer is another protocol, and does not wait for what never comes then', async () => {
    const port = await serve((socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'));
    await assert.rejects(sender({ reach: 'sandbox', answerMs: NEVER_MS })(to(port)), isRefused);
  });

  it('fails where the connection is closed instead of an answer', async () => {
    const port = await serve((socket) => socket.end());
    await assert.rejects(sender({ reach: 'sandbox', answerMs: NEVER_MS })(to(port)));
  });

  it('is given up where no answer comes, however long something else does', async () => {
    const port = await serve((socket) => socket.write('HTTP/1.1 102 Processing\r\n\r\n'));
    await assert.rejects(sender({ reach: 'sandbox', answerMs: 50 })(to(port)), isRefused);
  });

  it('is given up where nobody says what a name leads to, and the question with it', async () => {
    let isGivenUp = false;
    const send = sender({
      reach: 'public',
      answerMs: 1,
      resolve: (_name, signal) => (signal.addEventListener('abort', () => (isGivenUp = true)), new Promise(() => undefined)),
    });
    await assert.rejects(send(to(1, 'example.com')), isRefused);
    assert.ok(isGivenUp);
  });

  it('goes on to the next address of a name where nobody is at the first', async () => {
    const port = await serve((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
    const send = sender({ reach: 'sandbox', answerMs: NEVER_MS, resolve: async () => ['127.0.0.2', '127.0.0.1'] });
    assert.equal(await send(to(port, 'example.com')), 204);
  });

  it('goes nowhere that it must not, whatever a name leads to', async () => {
    const port = await serve((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
    await assert.rejects(sender({ reach: 'public' })(to(port)), isRefused);
    await assert.rejects(sender({ reach: 'public', resolve: async () => ['1.1.1.1', '127.0.0.1'] })(to(port, 'example.com')), isRefused);
  });
});
