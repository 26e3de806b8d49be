import { strict as assert } from 'node:assert';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Something that may be nowhere, in every spelling in which a process of ours could have it. */
export interface Secret {
  readonly name: string;
  readonly spellings: Readonly<Record<string, readonly Buffer[]>>;
}

/** 32 bytes; `name` is what is reported, and never what was found. */
export function secretOf(name: string, key: Uint8Array): Secret {
  const bytes = Buffer.from(key);
  const hex = bytes.toString('hex');
  // Of a base64 text that begins 0, 1 or 2 bytes earlier, the characters that are made of the key alone; in both alphabets.
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    return text.slice(offset === 0 ? 0 : 4, offset === 0 ? 42 : 44 - (offset === 1 ? 0 : 2));
  });
  const both = base64.flatMap((text) => [...new Set([text, text.replaceAll('+', '-').replaceAll('/', '_')])]);
  // V8 keeps a text of one or of two bytes a character.
  const texts = (...all: string[]) => all.flatMap((text) => [Buffer.from(text, 'latin1'), Buffer.from(text, 'utf16le')]);
  return {
    name,
    spellings: {
      bytes: [bytes],
      // Also the 64-bit digits of a BigInt, which stand lowest first, each with its lowest byte first.
      'little-endian': [Buffer.from(bytes).reverse()],
      hex: texts(hex, hex.toUpperCase()),
      decimal: texts(BigInt(`0x${hex}`).toString()),
      base64: texts(...both),
    },
  };
}

/** What every pattern is at least long, and what the search goes by. */
const WINDOW = 32;
const LONGEST = 2 * 78;

/**
 * Finds any of many secrets in one passage over the bytes, by Wu and Manber's shifts over pairs of bytes: a stage looks at gigabytes for hundreds of patterns.
 */
export class Scanner {
  readonly #shifts = new Uint8Array(65_536).fill(WINDOW - 1);
  readonly #ending = new Map<number, { readonly name: string; readonly pattern: Buffer }[]>();

  constructor(secrets: readonly Secret[]) {
    for (const { name, spellings } of secrets) for (const pattern of Object.values(spellings).flat()) this.#add(name, pattern);
  }

  #add(name: string, pattern: Buffer): void {
    assert.ok(pattern.length >= WINDOW && pattern.length <= LONGEST, `${name}: ${pattern.length} bytes`);
    for (let at = 1; at < WINDOW; at++) {
      const pair = pattern[at - 1]! * 256 + pattern[at]!;
      this.#shifts[pair] = Math.min(this.#shifts[pair]!, WINDOW - 1 - at);
    }
    const last = pattern[WINDOW - 2]! * 256 + pattern[WINDOW - 1]!;
    this.#ending.set(last, [...(this.#ending.get(last) ?? []), { name, pattern }]);
  }

  /** Names of what is in it, each once. */
  find(bytes: Buffer): Set<string> {
    const names = new Set<string>();
    for (let at = WINDOW - 1; at < bytes.length;) {
      const pair = bytes[at - 1]! * 256 + bytes[at]!;
      const shift = this.#shifts[pair]!;
      if (shift > 0) {
        at += shift;
        continue;
      }
      const start = at - WINDOW + 1;
      for (const { name, pattern } of this.#ending.get(pair) ?? []) if (bytes.subarray(start, start + pattern.length).equals(pattern)) names.add(name);
      at++;
    }
    return names;
  }

  async inFile(path: string): Promise<string[]> {
    const names = new Set<string>();
    const file = await open(path, 'r');
    try {
      for await (const bytes of pieces(file, 0, (await file.stat()).size)) for (const name of this.find(bytes)) names.add(name);
    } finally {
      await file.close();
    }
    return [...names];
  }

  /** Every file below the folders; one that goes away meanwhile is gone. */
  async inFolders(...folders: string[]): Promise<string[]> {
    const found: string[] = [];
    for (const folder of folders)
      for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        const names = await this.inFile(path).catch(unlessGone);
        found.push(...names.map((name) => `${name} in ${path}`));
      }
    return found;
  }

  /** Everything that a process has in its memory, heap and buffers alike: every map of it that it can write. What several processes share is looked at once; `shared` remembers it. */
  async inMemory(pid: number, shared = new Set<string>()): Promise<string[]> {
    const names = new Set<string>();
    for await (const bytes of memoryOf(pid, shared)) for (const name of this.find(bytes)) names.add(name);
    return [...names];
  }

  async inEnvironment(pid: number): Promise<string[]> {
    return [...this.find(await readFile(`/proc/${pid}/environ`))];
  }

  /** The heap snapshot of a Node process as it writes one, piece by piece. */
  async inHeapSnapshot(pid: number): Promise<{ readonly names: string[]; readonly bytes: number }> {
    const names = new Set<string>();
    let [bytes, tail] = [0, Buffer.alloc(0)];
    await heapSnapshot(pid, (chunk) => {
      const piece = Buffer.concat([tail, Buffer.from(chunk, 'utf8')]);
      for (const name of this.find(piece)) names.add(name);
      bytes += chunk.length;
      tail = piece.subarray(-LONGEST);
    });
    return { names: [...names], bytes };
  }
}

const PIECE_BYTES = 1 << 24;

/** The range in pieces that overlap by more than the longest pattern. */
async function* pieces(file: Awaited<ReturnType<typeof open>>, from: number, to: number): AsyncGenerator<Buffer> {
  for (let at = from; at < to; at += PIECE_BYTES) {
    const bytes = Buffer.alloc(Math.min(PIECE_BYTES + LONGEST, to - at));
    // A page that is not there is read by nobody.
    const { bytesRead } = await file.read(bytes, 0, bytes.length, at).catch(() => ({ bytesRead: 0 }));
    yield bytes.subarray(0, bytesRead);
  }
}

export async function* memoryOf(pid: number, shared = new Set<string>()): AsyncGenerator<Buffer> {
  const maps = await readFile(`/proc/${pid}/maps`, 'utf8');
  const memory = await open(`/proc/${pid}/mem`, 'r');
  try {
    for (const line of maps.split('\n').filter((each) => /^[0-9a-f]+-[0-9a-f]+ rw/.test(each))) {
      const [range, rights, , device, inode] = line.split(/\s+/) as [string, string, string, string, string];
      if (rights.endsWith('s') && shared.has(`${device} ${inode}`)) continue;
      if (rights.endsWith('s')) shared.add(`${device} ${inode}`);
      const [from, to] = range.split('-') as [string, string];
      yield* pieces(memory, parseInt(from, 16), parseInt(to, 16));
    }
  } finally {
    await memory.close();
  }
}

export function unlessGone(error: NodeJS.ErrnoException): [] {
  if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
  return [];
}

const INSPECTOR = 'http://127.0.0.1:9229/json/list';

/** SIGUSR1 opens the inspector of any Node process whose user we are, on one port for all of them, so one after the other. Nothing of it is in the command line of a process that serves. */
async function heapSnapshot(pid: number, onChunk: (chunk: string) => void): Promise<void> {
  process.kill(pid, 'SIGUSR1');
  for (;;) {
    const url = await fetch(INSPECTOR).then(
      async (answer) => ((await answer.json()) as { webSocketDebuggerUrl: string }[])[0]!.webSocketDebuggerUrl,
      () => undefined,
    );
    const inspector = url === undefined ? undefined : await connect(url);
    if (!inspector) {
      await sleep(50);
      continue;
    }
    const { result } = (await inspector.ask('Runtime.evaluate', { expression: 'process.pid' })) as { result: { value: number } };
    if (result.value !== pid) {
      // Somebody else has the port, and the process could not open it: once more, when it is free.
      inspector.close();
      await sleep(200);
      process.kill(pid, 'SIGUSR1');
      continue;
    }
    inspector.onChunk = onChunk;
    await inspector.ask('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
    await inspector.ask('Runtime.evaluate', { expression: `setTimeout(() => process.getBuiltinModule('node:inspector').close(), 50)` });
    inspector.close();
    // The port is free again once it does not answer.
    while (
      await fetch(INSPECTOR).then(
        () => true,
        () => false,
      )
    )
      await sleep(20);
    return;
  }
}

interface Inspector {
  onChunk: (chunk: string) => void;
  ask(method: string, params: object): Promise<unknown>;
  close(): void;
}

async function connect(url: string): Promise<Inspector | undefined> {
  const socket = new WebSocket(url);
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.addEventListener('open', () => resolve(true));
    socket.addEventListener('error', () => resolve(false));
  });
  if (!isOpen) return undefined;
  const waiting = new Map<number, (result: unknown) => void>();
  const inspector: Inspector = {
    onChunk: () => undefined,
    ask: async (method, params) => {
      const id = waiting.size + 1;
      const answer = new Promise((resolve) => waiting.set(id, resolve));
      socket.send(JSON.stringify({ id, method, params }));
      return answer;
    },
    close: () => socket.close(),
  };
  socket.addEventListener('message', ({ data }) => {
    const { id, result, method, params } = JSON.parse(String(data)) as { id?: number; result?: unknown; method?: string; params?: { chunk?: string } };
    if (method === 'HeapProfiler.addHeapSnapshotChunk') inspector.onChunk(params!.chunk!);
    if (id !== undefined) waiting.get(id)?.(result);
  });
  return inspector;
}
