import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Problem } from '#base';
import { addressFor, type Reach } from './address.ts';

export interface Posting {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Posts, and gives the status of the answer; throws where none came in time. */
export type Send = (posting: Posting) => Promise<number>;

const ANSWER_MS = 10_000;

/** Sends to the address that was looked at, so that a name which leads elsewhere a moment later gains nothing. Redirections are not followed, answers are not read. */
export function sendWithin(reach: Reach): Send {
  return async ({ url: text, body, headers }) => {
    const url = new URL(text);
    const to = await addressFor(url, reach);
    const begin = url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = begin(url, {
        method: 'POST',
        agent: false,
        headers: { ...headers, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), 'User-Agent': 'Cairn' },
        lookup: (_name, options, done) => (options.all ? done(null, [to]) : done(null, to.address, to.family)),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      request.once('error', reject);
      request.once('response', (response) => {
        response.destroy();
        const { statusCode } = response;
        if (statusCode === undefined) reject(new Problem('http/webhook-url', 'The answer has no status.'));
        else resolve(statusCode);
      });
      request.end(body);
    });
  };
}
