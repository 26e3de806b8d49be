import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { Problem } from '#base';
import { fingerprintAt, openChannel, tlsOptions, type Channel } from './channel.ts';
import type { Frame } from './frames.ts';
import type { Fingerprint, Identity } from './identity.ts';
import type { WireLimits } from './limits.ts';
import { PROTOCOL_OF, type Part } from './pins.ts';

export interface LinkOptions {
  readonly identity: Identity;
  /** As what we call: the callee has our key pinned to this part. */
  readonly part: Part;
  readonly host: string;
  readonly port: number;
  /** Whose key has to answer. */
  readonly fingerprint: Fingerprint;
  readonly limits: WireLimits;
}

export interface CallPatience {
  /** Milliseconds until wire/no-answer. */
  readonly timeoutMs: number;
  /**
   * For so long, within the time-out, a lost channel is opened again and the same bytes are sent again: every method knows a repeated call by its content.
   * 0 where the caller would rather know at once that the node is down.
   */
  readonly resendForMs: number;
}

/** Our calls to one node, over one channel that is opened when it is needed. */
export interface Link {
  /** The answer's payload; the refusal of the callee as the Problem it is; wire/unreachable, wire/no-answer, wire/wrong-identity. */
  call(method: string, payload: Uint8Array, patience: CallPatience): Promise<Uint8Array>;
  close(): void;
}

interface Waiting {
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (problem: unknown) => void;
}

export function openLink(options: LinkOptions): Link {
  return new TlsLink(options);
}

class TlsLink implements Link {
  readonly #options: LinkOptions;
  readonly #waiting = new Map<number, Waiting>();
  #channel: Promise<Channel> | undefined;
  #lastCall = 0;
  #isClosed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  async call(method: string, payload: Uint8Array, { timeoutMs, resendForMs }: CallPatience): Promise<Uint8Array> {
    const startedMs = performance.now();
    const leftMs = (): number => timeoutMs - (performance.now() - startedMs);
    for (;;) {
      try {
        return await this.#once(method, payload, leftMs());
      } catch (error) {
        const isLost = error instanceof Problem && error.code === 'wire/unreachable';
        const { reconnectAfterMs } = this.#options.limits;
        if (!isLost || this.#isClosed || performance.now() - startedMs + reconnectAfterMs > resendForMs || leftMs() < reconnectAfterMs) throw error;
        await sleep(reconnectAfterMs);
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    void this.#channel?.then(
      (channel) => channel.close(),
      () => undefined,
    );
  }

  async #once(method: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const call = (this.#lastCall = (this.#lastCall + 1) >>> 0);
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<Uint8Array>((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      timer = setTimeout(() => reject(new Problem('wire/no-answer', `No answer to ${method} from ${this.#farEnd()} within its time.`)), Math.max(timeoutMs, 0));
    });
    // Whoever waits is told by `answered`; the sending itself has nothing to add to a channel that is lost.
    const sent = this.#open().then((channel) => channel.send({ kind: 'request', call, method, payload }));
    try {
      return await Promise.race([answered, sent.then(() => answered)]);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(call);
      sent.catch(() => undefined);
      answered.catch(() => undefined);
    }
  }

  #farEnd(): string {
    return `${this.#options.host}:${this.#options.port}`;
  }

  #open(): Promise<Channel> {
    if (this.#isClosed) return Promise.reject(new Problem('wire/unreachable', 'The link was closed.'));
    if (!this.#channel) {
      const opening = this.#connect();
      this.#channel = opening;
      opening.catch(() => this.#forget(opening));
    }
    return this.#channel;
  }

  #forget(channel: Promise<Channel>): void {
    if (this.#channel === channel) this.#channel = undefined;
  }

  async #connect(): Promise<Channel> {
    const socket = await this.#handshake();
    const opening = this.#channel!;
    const channel = openChannel(socket, this.#options.limits, {
      frame: (frame) => this.#take(frame),
      closed: (cause) => {
        this.#forget(opening);
        const lost = cause instanceof Problem ? cause : new Problem('wire/unreachable', `The channel to ${this.#farEnd()} was lost.`, {}, cause);
        for (const { reject } of this.#waiting.values()) reject(lost);
      },
    });
    if (this.#isClosed) channel.close();
    return channel;
  }

  #take(frame: Frame): void {
    if (frame.kind === 'request') throw new Problem('wire/bad-frame', 'A callee answers and does not ask.');
    // An answer that nobody waits for any more came after its time-out.
    const waiting = this.#waiting.get(frame.call);
    if (frame.kind === 'answer') waiting?.resolve(frame.payload);
    else waiting?.reject(frame.problem);
  }

  #handshake(): Promise<TLSSocket> {
    const { identity, part, host, port, fingerprint, limits } = this.#options;
    return new Promise((resolve, reject) => {
      const socket = connect({ ...tlsOptions(identity), host, port, ALPNProtocols: [PROTOCOL_OF[part]], checkServerIdentity: () => undefined });
      const settle = (): void => {
        clearTimeout(timer);
        socket.off('close', closed);
      };
      const fail = (code: 'wire/unreachable' | 'wire/wrong-identity', detail: string, cause?: unknown): void => {
        settle();
        // Errors of a socket that is given up have nobody left to tell.
        socket.on('error', () => undefined);
        socket.destroy();
        reject(new Problem(code, detail, {}, cause));
      };
      const closed = (): void => fail('wire/unreachable', `${this.#farEnd()} closed the channel while it was opened.`);
      const failed = (error: NodeJS.ErrnoException): void =>
        fail('wire/unreachable', `${this.#farEnd()} cannot be reached (${error.code ?? 'unknown'}).`, error);
      const timer = setTimeout(() => fail('wire/unreachable', `${this.#farEnd()} does not finish its handshake.`), limits.handshakeTimeoutMs);
      socket.once('error', failed);
      socket.once('close', closed);
      socket.once('secureConnect', () => {
        const shown = fingerprintAt(socket);
        if (shown !== fingerprint) return fail('wire/wrong-identity', `${this.#farEnd()} shows ${shown ?? 'no key'} where ${fingerprint} is pinned.`);
        settle();
        socket.off('error', failed);
        resolve(socket);
      });
    });
  }
}
