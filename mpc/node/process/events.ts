/** What a node tells its log and its metrics of what happens to it: never a payload, never a secret. */
import type { Logger } from 'pino';
import type { Problem } from '#base';
import type { SigningEvent } from '../session/session.ts';
import type { WireEvent } from '../wire/wire.ts';
import type { Metrics } from './health.ts';
import type { PeerHeads } from './peerHeads.ts';

interface Told {
  readonly metrics: Metrics;
  readonly log: Logger;
}

export function told(
  event: SigningEvent,
  { metrics, log, heads, alarm }: Told & { readonly heads: PeerHeads; readonly alarm: (problem: Problem) => void },
): void {
  switch (event.kind) {
    case 'signed':
      metrics.signatures.inc({ purpose: event.purpose });
      metrics.seconds.observe({ purpose: event.purpose }, event.tookMs / 1_000);
      log.info({ sid: event.sid, signers: event.signers, purpose: event.purpose, tookMs: event.tookMs }, 'Signed.');
      return heads.tellPeers();
    case 'refused':
      metrics.refusals.inc({ rule: event.rule });
      return log.warn({ rule: event.rule }, `Refused: ${event.reason}`);
    case 'failed':
      metrics.failures.inc({ code: event.problem.code });
      if (event.problem.facts['effect'] === 'poison-pair') metrics.poisonings.inc();
      return log.warn({ code: event.problem.code, signers: event.signers }, event.problem.detail);
    case 'alarm':
      return alarm(event.problem);
  }
}

export function heardOnWire(event: WireEvent, { metrics, log }: Told): void {
  switch (event.kind) {
    case 'channel-opened':
      return log.debug({ caller: event.caller, address: event.address }, 'A channel was opened.');
    case 'channel-closed':
      if (event.problem !== undefined && event.caller.part === 'peer') metrics.malformed.inc({ party: event.caller.id });
      if (event.problem !== undefined) return log.warn({ caller: event.caller, problem: event.problem }, 'A channel was closed for what came over it.');
      return log.debug({ caller: event.caller, problem: event.problem }, 'A channel was closed.');
    case 'stranger':
      metrics.strangers.inc();
      return log.warn({ fingerprint: event.fingerprint, protocol: event.protocol, address: event.address }, 'A stranger was turned away.');
    case 'call-failed':
      return log.error({ caller: event.caller, method: event.method, err: event.error }, 'A call failed by a bug of ours.');
  }
}
