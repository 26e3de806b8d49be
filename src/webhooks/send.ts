import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Problem } from '#base';
import { addressesFor, resolverAt, type Address, type Reach, type Resolve } from './address.ts';

export interface Posting {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Posts, and gives the status of the answer; throws where none came in time. */
export type Send = (posting: Posting) => Promise<number>;

export interface SendOptions {
  /** Who may be told. */
  readonly reach: Reach;
  /** For all of it, from the question for the address to the answer; ten seconds unless told. */
  readonly answerMs?: number;
  /** Asks the name servers of this machine unless told. */
  readonly resolve?: Resolve;
}

/** Sends to the addresses that were looked at, so that a name which leads elsewhere a moment later gains nothing. Redirections are not followed, answers are not read. */
export function sender({ reach, answerMs = 10_000, resolve = resolverAt() }: SendOptions): Send {
  return async (posting) => {
    const late = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    // Whatever the other side does, or leaves undone, an attempt ends: nothing that is asked of it has to end by itself.
    const patience = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Problem('http/webhook-url', `Nothing came within ${answerMs} ms.`));
        late.abort();
      }, answerMs);
    });
    const url = new URL(posting.url);
    const answer = addressesFor(url, reach, { resolve, signal: late.signal }).then((to) => post(url, to, posting, late.signal));
    return Promise.race([answer, patience]).finally(() => clearTimeout(timer));
  };
}

function post(url: URL, to: Address[], { body, headers }: Posting, signal: AbortSignal): Promise<number> {
  const begin = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = begin(url, {
      method: 'POST',
      agent: false,
      headers: { ...headers, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), 'User-Agent': 'Cairn' },
      // With all of them a connection tries one after the other.
      lookup: (_name, options, done) => (options.all ? done(null, to) : done(null, to[0]!.address, to[0]!.family)),
      signal,
    });
    request.once('error', reject);
    request.once('response', (response) => {
      response.destroy();
      const { statusCode } = response;
      if (statusCode === undefined) reject(new Problem('http/webhook-url', 'The answer has no status.'));
      else resolve(statusCode);
    });
    // An answer that wants another protocol (101) is neither a response nor an error: only the end of the connection tells of it.
    request.once('close', () => reject(new Problem('http/webhook-url', 'The connection was closed without an answer.')));
    request.end(body);
  });
}
