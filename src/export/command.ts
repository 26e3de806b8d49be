import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Problem, systemClock } from '#base';
import { runningPostgres, startPostgres } from '#db';
import { writeExport } from './write.ts';

type Values = Readonly<Record<string, string | boolean | undefined>>;

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

const LEFT_RUNNING = async (): Promise<void> => undefined;

/** The database of DATABASE_URL; else the one of the state folder, joined where a platform runs on it and started for the export where none does. */
async function serverOf(stateDir: string): Promise<Server> {
  const url = process.env['DATABASE_URL'];
  if (url) return { url, stop: LEFT_RUNNING };
  const folder = join(stateDir, 'postgres');
  if (!existsSync(join(folder, 'postgres.json'))) throw new Problem('export/nothing-there', `There is no database in ${stateDir}.`, { stateDir });
  try {
    return await startPostgres({ stateDir: folder });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'store/already-running') throw error;
    return { url: runningPostgres(folder), stop: LEFT_RUNNING };
  }
}

/** cairn export: writes FILE and says what is in it. `defaultState`: where the platform keeps its state unless --state says otherwise. */
export async function exportCommand(file: string, values: Values, defaultState: string): Promise<number> {
  const { state } = values;
  const server = await serverOf(resolve(typeof state === 'string' ? state : defaultState));
  try {
    const { lines, bytes } = await writeExport({ databaseUrl: server.url, file: resolve(file), clock: systemClock });
    process.stdout.write(`${file}: ${lines} lines, ${bytes} bytes. Check it with: cairn audit ${file} --rpc URL\n`);
    return 0;
  } finally {
    await server.stop();
  }
}
