import { createServer } from 'node:net';

/** A port of 127.0.0.1 that nobody listens on now. Somebody else may take it in the next moment, so a caller must be able to try again. */
export async function findFreePort(): Promise<number> {
  return (await listenOnce(0))!;
}

export async function isPortFree(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== undefined;
}

async function listenOnce(wanted: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}
