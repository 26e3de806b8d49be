import { assert, concat, Problem, PROBLEMS, uintBytes, utf8, type ProblemCode } from '#base';

/**
 * One frame on a channel: len32 of what follows || kind 1 || call id u32 || body. A request's body is len8(method) || method || payload, an answer's the payload,
 * a refusal's JSON {code, detail, facts}. Numbers are big-endian.
 */
export type Frame =
  | { readonly kind: 'request'; readonly call: number; readonly method: string; readonly payload: Uint8Array }
  | { readonly kind: 'answer'; readonly call: number; readonly payload: Uint8Array }
  | { readonly kind: 'refusal'; readonly call: number; readonly problem: Problem };

const REQUEST = 1;
const ANSWER = 2;
const REFUSAL = 3;
const HEADER_BYTES = 5;
const METHOD = /^[a-z][a-z0-9-]*(?:\/[a-z0-9-]+)*$/;
const DETAIL_CHARACTERS = 1_000;

export function encodeFrame(frame: Frame): Uint8Array {
  const { kind, body } = bodyOf(frame);
  return concat(uintBytes(HEADER_BYTES + body.length, 4), Uint8Array.of(kind), uintBytes(frame.call, 4), body);
}

function bodyOf(frame: Frame): { readonly kind: number; readonly body: Uint8Array } {
  switch (frame.kind) {
    case 'request': {
      assert(METHOD.test(frame.method) && frame.method.length <= 64, `"${frame.method}" names no method`);
      return { kind: REQUEST, body: concat(Uint8Array.of(frame.method.length), utf8(frame.method), frame.payload) };
    }
    case 'answer':
      return { kind: ANSWER, body: frame.payload };
    case 'refusal': {
      const { code, detail, facts } = frame.problem;
      return { kind: REFUSAL, body: utf8(JSON.stringify({ code, detail: detail.slice(0, DETAIL_CHARACTERS), facts })) };
    }
  }
}

export interface FrameReader {
  /** The whole frames that this piece completes. wire/bad-frame ends the channel: after one bad frame nothing behind it can be trusted to begin where it seems to. */
  push(piece: Uint8Array): Frame[];
}

/** Takes a stream apart. A length is judged before anything of the frame is kept, so a peer can make us hold `maxFrameBytes` and no more. */
export function createFrameReader(maxFrameBytes: number): FrameReader {
  let pieces: Uint8Array[] = [];
  let held = 0;
  /** How many bytes the next frame needs before it is worth joining the pieces: joined at each piece, a large frame would be copied once a packet. */
  let wanted = 4;
  return {
    push: (piece) => {
      pieces.push(piece);
      held += piece.length;
      const frames: Frame[] = [];
      if (held < wanted) return frames;
      const whole = concat(...pieces);
      let at = 0;
      for (wanted = 4; held - at >= wanted; wanted = 4) {
        const length = new DataView(whole.buffer).getUint32(at);
        if (length < HEADER_BYTES || length > maxFrameBytes)
          throw new Problem('wire/bad-frame', `A frame announces ${length} bytes; ${HEADER_BYTES} to ${maxFrameBytes} are allowed.`);
        wanted += length;
        if (held - at < wanted) break;
        frames.push(decodeFrame(whole.subarray(at + 4, at + wanted)));
        at += wanted;
      }
      pieces = [whole.subarray(at)];
      held -= at;
      return frames;
    },
  };
}

function decodeFrame(bytes: Uint8Array): Frame {
  const call = ((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!) >>> 0;
  const body = bytes.slice(HEADER_BYTES);
  switch (bytes[0]) {
    case REQUEST: {
      const length = body[0] ?? 0;
      const method = Buffer.from(body.subarray(1, 1 + length)).toString('latin1');
      if (body.length < 1 + length || !METHOD.test(method)) throw new Problem('wire/bad-frame', 'A request names no method.');
      return { kind: 'request', call, method, payload: body.subarray(1 + length) };
    }
    case ANSWER:
      return { kind: 'answer', call, payload: body };
    case REFUSAL:
      return { kind: 'refusal', call, problem: decodeProblem(body) };
    default:
      throw new Problem('wire/bad-frame', `There is no frame of kind ${bytes[0]}.`);
  }
}

/** A refusal keeps its code where we know it: what the other side refused is for the caller to decide on, not to guess from words. */
function decodeProblem(body: Uint8Array): Problem {
  let said: unknown;
  try {
    said = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    throw new Problem('wire/bad-frame', 'A refusal is no JSON.');
  }
  const { code, detail, facts } = (typeof said === 'object' && said !== null ? said : {}) as Record<string, unknown>;
  if (typeof code !== 'string' || typeof detail !== 'string') throw new Problem('wire/bad-frame', 'A refusal has no code.');
  // A newer version may refuse for reasons that this one has no word for.
  if (!Object.hasOwn(PROBLEMS, code)) return new Problem('wire/failed', `Refused with ${printable(code.slice(0, 64))}, which this version does not know.`);
  const kept = typeof facts === 'object' && facts !== null && !Array.isArray(facts) ? (facts as Record<string, unknown>) : {};
  return new Problem(code as ProblemCode, printable(detail.slice(0, DETAIL_CHARACTERS)), kept);
}

/** Words of the other side end in logs, transcripts and terminals: no line is forged with a line feed in them, and no terminal is moved by an escape. */
function printable(text: string): string {
  return text.toWellFormed().replace(/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/gu, ' ');
}
