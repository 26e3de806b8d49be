import type { PlatformEvent } from '#main';
import type { SweepProgress } from '#settlement';
import { COLOURS, NO_COLOURS } from './report.ts';

/** What is going on, as it goes on: whole lines, so that a log file shows the same as a terminal. */
export interface Progress {
  step(text: string): void;
  event(event: PlatformEvent): void;
  done(): void;
}

const SWEEPS: Readonly<Record<SweepProgress['step'], (progress: SweepProgress) => string>> = {
  found: ({ amount, token, holder, detail }) =>
    `somebody sent ${amount} units of ${token} to ${detail}, the address of the ${holder} key: nobody is to pay there`,
  bringing: ({ amount, token, detail }) =>
    `${amount} units of ${token} come from ${detail} into the vault, and wait in suspense until somebody finds out whose they are`,
  refused: ({ token, holder, detail }) => `the signers refuse to fetch what lies at the address of the ${holder} key of ${token}: ${detail}`,
  unsignable: ({ token, holder }) => `what lies at the address of the ${holder} key cannot be fetched: the token ${token} has no EIP-3009`,
};

const FLUSH_EVERY_MS = 2_000;

export function createProgress(out: NodeJS.WriteStream): Progress {
  const paint = out.isTTY && !process.env['NO_COLOR'] ? COLOURS : NO_COLOURS;
  const started = process.hrtime.bigint();
  const counts = new Map<string, number>();

  function line(text: string): void {
    const seconds = Number((process.hrtime.bigint() - started) / 10_000_000n) / 100;
    out.write(`${paint.dim(seconds.toFixed(1).padStart(6))}  ${text}\n`);
  }

  /** Payments move by the dozen: they are counted, and told when the next step begins. */
  function flush(): void {
    if (counts.size === 0) return;
    line(`        ${[...counts].map(([what, count]) => `${count} ${what}`).join(', ')}`);
    counts.clear();
  }

  let flushedMs = 0;

  function count(what: string): void {
    counts.set(what, (counts.get(what) ?? 0) + 1);
    const nowMs = Number(process.hrtime.bigint() / 1_000_000n);
    if (nowMs - flushedMs < FLUSH_EVERY_MS) return;
    flushedMs = nowMs;
    flush();
  }

  return {
    step: (text) => (flush(), line(paint.bold(text))),
    event: (event) => {
      switch (event.kind) {
        case 'step':
          return line(event.text);
        case 'fault':
          return line(paint.red(`${event.part} failed and was left aside: ${event.error instanceof Error ? event.error.message : String(event.error)}`));
        case 'warning':
          return line(paint.red(event.text));
        case 'payment':
          return count(event.progress.to);
        case 'deposit':
          return count('deposit credited');
        case 'claim':
          return count('deposit claimed out of suspense');
        case 'payout':
          if (event.progress.step === 'waiting') return line(event.progress.detail);
          return event.progress.step === 'refused' ? line(paint.red(`the signer refused: ${event.progress.detail}`)) : count(`payout ${event.progress.step}`);
        case 'sweep':
          return line(SWEEPS[event.progress.step](event.progress));
        case 'transaction':
          return event.progress.to === 'final' || event.progress.to === 'failed'
            ? count(`${event.progress.purpose} transaction ${event.progress.to}`)
            : undefined;
      }
    },
    done: flush,
  };
}
