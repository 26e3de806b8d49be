/** A process that runs seeds: it is sent one after the other and answers each with its report. */
import { simulate } from './sim.ts';

process.on('message', ({ seed, operations }: { seed: number; operations: number }) => {
  void simulate(seed, operations).then((report) => process.send?.(report));
});
process.on('disconnect', () => process.exit(0));
