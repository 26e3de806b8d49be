import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { Problem } from '#base';
import { fingerprintAt, openChannel, tlsOptions, type Channel } from './channel.ts';
import type { Frame } from './frames.ts';
import type { Fingerprint, Identity } from './identity.ts';
import type { WireLimits } from './limits.ts';
import { PROTOCOL_OF, type Caller, type Pins } from './pins.ts';

/** What happened on the network, for the log: never a payload, never a key. */
export type WireEvent =
  | { readonly kind: 'channel-opened'; readonly caller: Caller; readonly address: string }
  | { readonly kind: 'channel-closed'; readonly caller: Caller; readonly problem?: string }
  /** Somebody whose key nobody pinned, or who speaks for a part that is not his. */
  | { readonly kind: 'stranger'; readonly fingerprint?: Fingerprint; readonly protocol: string | false | null; readonly address: string }
  | { readonly kind: 'call-failed'; readonly caller: Caller; readonly method: string; readonly error: unknown };

/** The answer to one call, or a Problem; the payload is the callee's to take apart. */
export type Answer = (caller: Caller, method: string, payload: Uint8Array) => Promise<Uint8Array>;

export interface ListenOptions {
  readonly identity: Identity;
  readonly pins: Pins;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly limits: WireLimits;
  readonly answer: Answer;
  readonly onEvent: (event: WireEvent) => void;
}

export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/** Answers the calls of pinned callers over mutual TLS 1.3. Nothing of a stranger is read. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { identity, pins, limits, onEvent } = options;
  const sockets = new Set<Socket>();
  /** Connections whose handshake is not done, by their far end. */
  const shaking = new Set<string>();
  const channels = new Map<Fingerprint, Channel[]>();
  const server = createServer({
    ...tlsOptions(identity),
    requestCert: true,
    handshakeTimeout: limits.handshakeTimeoutMs,
    ALPNProtocols: Object.values(PROTOCOL_OF),
    // A key that is unpinned must not live on in a ticket.
    sessionTimeout: 1,
  });
  server.on('connection', (socket: Socket) => {
    const farEnd = farEndOf(socket);
    if (shaking.size >= limits.maxHandshakes) return void socket.destroy();
    shaking.add(farEnd);
    sockets.add(socket);
    socket.once('close', () => {
      shaking.delete(farEnd);
      sockets.delete(socket);
    });
  });
  // A handshake that failed is a stranger's, and he gains nothing by our log filling up.
  server.on('tlsClientError', (_error, socket: TLSSocket) => socket.destroy());
  server.on('secureConnection', (socket: TLSSocket) => {
    shaking.delete(farEndOf(socket));
    socket.on('error', () => undefined);
    const fingerprint = fingerprintAt(socket);
    const caller = fingerprint && pins.callerOf(fingerprint, socket.alpnProtocol);
    const address = `${socket.remoteAddress}`;
    if (!caller) {
      onEvent({ kind: 'stranger', ...(fingerprint ? { fingerprint } : {}), protocol: socket.alpnProtocol, address });
      return void socket.destroy();
    }
    const opened = channels.get(fingerprint) ?? [];
    const channel = serve(socket, caller, options, () => {
      channels.set(
        fingerprint,
        channels.get(fingerprint)!.filter((other) => other !== channel),
      );
    });
    channels.set(fingerprint, [...opened, channel]);
    onEvent({ kind: 'channel-opened', caller, address });
    if (opened.length >= limits.maxChannelsPerKey) opened[0]!.close();
  });
  await bind(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function farEndOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

function serve(socket: TLSSocket, caller: Caller, { limits, answer, onEvent }: ListenOptions, onClosed: () => void): Channel {
  let [inFlight, bytesInFlight] = [0, 0];
  const isFull = (): boolean => inFlight >= limits.maxCallsInFlight || bytesInFlight >= limits.maxBytesInFlight;
  const work = async (call: number, method: string, payload: Uint8Array): Promise<void> => {
    const reply = await answer(caller, method, payload).then(
      (answered): Frame => ({ kind: 'answer', call, payload: answered }),
      (error: unknown): Frame => {
        if (error instanceof Problem) return { kind: 'refusal', call, problem: error };
        onEvent({ kind: 'call-failed', caller, method, error });
        return { kind: 'refusal', call, problem: new Problem('wire/failed', `The node failed to answer ${method}.`) };
      },
    );
    await channel.send(reply);
    inFlight--;
    bytesInFlight -= payload.length;
    if (!isFull()) channel.resume();
  };
  const maxFrameBytes = caller.part === 'peer' ? limits.maxPeerFrameBytes : limits.maxFrameBytes;
  const channel = openChannel(
    socket,
    { ...limits, maxFrameBytes },
    {
      frame: (frame) => {
        if (frame.kind !== 'request') throw new Problem('wire/bad-frame', 'A caller asks and does not answer.');
        inFlight++;
        bytesInFlight += frame.payload.length;
        if (isFull()) channel.pause();
        void work(frame.call, frame.method, frame.payload);
      },
      closed: (cause) => {
        onClosed();
        onEvent({ kind: 'channel-closed', caller, ...(cause instanceof Problem ? { problem: cause.message } : {}) });
      },
    },
  );
  return channel;
}

function bind(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Problem('wire/cannot-listen', `Cannot listen on ${host}, port ${port} (${error.code ?? 'unknown'}).`, { host, port }, error));
    });
    server.listen({ host, port }, resolve);
  });
}
