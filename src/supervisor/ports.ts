import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the range from which Linux (32768) and the BSDs (49152) give ports to outgoing connections: one of those must not sit on a server's port when it starts again. */
const RANGE = [20_000, 32_768] as const;

/** A port of 127.0.0.1 that nobody listens on now. Somebody else may take it in the next moment, so a caller must be able to try again. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...RANGE);
    if (await isPortFree(port)) return port;
  }
}

export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
