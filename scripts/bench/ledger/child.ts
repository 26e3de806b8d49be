import { fork } from 'node:child_process';
import { assert } from '#base';

/** A process of a benchmark that does as it is told and answers, one order at a time. */
export interface Helper<Order extends object, Report> {
  ask(order: Order): Promise<Report>;
  end(): Promise<void>;
}

export function startHelper<Order extends object, Report>(file: string): Helper<Order, Report> {
  // Without the launcher's other arguments: its watch over whoever started a program would let go of our channel, and end us by a signal when we are let go.
  const child = fork(new URL(file, import.meta.url), { execArgv: process.execArgv.filter((argument) => argument.startsWith('--max-semi-space-size')) });
  let isEnding = false;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code) => {
      assert(isEnding && code === 0, `${file} of the benchmark ended with ${code}`);
      resolve();
    });
  });
  return {
    ask: (order) =>
      new Promise((resolve) => {
        child.once('message', (report: Report) => resolve(report));
        child.send(order);
      }),
    end: () => {
      isEnding = true;
      child.disconnect();
      return ended;
    },
  };
}

/** In the helper: answers each order in turn; ends when the benchmark lets go of it, and fails with it what fails here. */
export function answerOrders<Order extends object, Report>(answer: (order: Order) => Promise<Report>, close: () => Promise<void>): void {
  process.on('message', (order: Order) => void answer(order).then((report) => process.send?.(report)));
  process.once('disconnect', () => void close().then(() => process.exit(0)));
}
