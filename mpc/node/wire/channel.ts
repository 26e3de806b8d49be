import type { TLSSocket } from 'node:tls';
import { createFrameReader, encodeFrame, type Frame } from './frames.ts';
import { fingerprintOf, type Fingerprint, type Identity } from './identity.ts';
import type { WireLimits } from './limits.ts';

/** TLS 1.3 alone, one curve, one kind of signature: there is nothing to negotiate down to. No trust store is asked; the pin decides, and TLS proves that the other side has the key. */
export function tlsOptions(identity: Identity) {
  return {
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    ecdhCurve: 'X25519',
    sigalgs: 'ed25519',
    cert: identity.certificate,
    key: identity.privateKey.export({ format: 'pem', type: 'pkcs8' }),
    rejectUnauthorized: false,
  } as const;
}

/** Whose key the other side has proven to hold (CertificateVerify, RFC 8446 section 4.4.3), or undefined where it showed none. */
export function fingerprintAt(socket: TLSSocket): Fingerprint | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate && fingerprintOf(new Uint8Array(certificate.publicKey.export({ format: 'der', type: 'spki' })));
}

export interface Channel {
  /** Resolves once the socket takes more: whoever awaits it never queues without bound. */
  send(frame: Frame): Promise<void>;
  /** Stops and goes on reading: what is not read waits at the sender. */
  pause(): void;
  resume(): void;
  close(): void;
}

export interface ChannelEvents {
  readonly frame: (frame: Frame) => void;
  /** Once, with what ended it, if anything did but the other side's farewell. */
  readonly closed: (cause: unknown) => void;
}

/** Frames over an authenticated socket. */
export function openChannel(socket: TLSSocket, limits: Pick<WireLimits, 'maxFrameBytes' | 'idleTimeoutMs'>, { frame, closed }: ChannelEvents): Channel {
  const reader = createFrameReader(limits.maxFrameBytes);
  let cause: unknown;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const resume of waiting) resume();
    waiting.clear();
  };
  socket.setNoDelay(true);
  socket.setTimeout(limits.idleTimeoutMs, () => socket.destroy());
  socket.on('error', (error) => (cause ??= error));
  socket.on('drain', wake);
  socket.on('close', () => {
    wake();
    closed(cause);
  });
  socket.on('data', (piece: Buffer) => {
    try {
      reader.push(piece).forEach(frame);
    } catch (error) {
      cause ??= error;
      socket.destroy();
    }
  });
  return {
    send: async (sent) => {
      if (socket.destroyed || !socket.writable || socket.write(encodeFrame(sent))) return;
      await new Promise<void>((resolve) => waiting.add(resolve));
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.destroy(),
  };
}
