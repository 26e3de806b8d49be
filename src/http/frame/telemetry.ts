import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ProblemCode } from '#base';
import type { SystemStatus } from '../services.ts';

/** What the API counts about itself and shows about the system. Labels come from the route table and the problem registry only, never from a request. */
export interface Telemetry {
  answered(route: string, method: string, status: number, seconds: number): void;
  refused(code: ProblemCode): void;
  /** Sets the gauges of the system from its status and renders everything in Prometheus' text format. */
  render(status: SystemStatus): Promise<string>;
  readonly contentType: string;
}

export function createTelemetry(registry: Registry): Telemetry {
  const registers = [registry];
  const requests = new Histogram({
    name: 'cairn_http_request_seconds',
    help: 'Time from the request line to the last byte of the answer',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers,
  });
  const problems = new Counter({ name: 'cairn_http_problems_total', help: 'Requests refused, by problem code', labelNames: ['code'], registers });
  const unanchored = new Gauge({ name: 'cairn_unanchored_age_seconds', help: 'Age of the oldest record not in a final anchor', registers });
  const unanchoredLimit = new Gauge({ name: 'cairn_unanchored_age_limit_seconds', help: 'The greatest such age that is allowed', registers });
  const headSeq = new Gauge({ name: 'cairn_ledger_head_seq', help: 'Sequence number of the newest record', registers });
  const checks = new Gauge({ name: 'cairn_check_up', help: '1 where the part is well', labelNames: ['check'], registers });
  return {
    answered: (route, method, status, seconds) => requests.observe({ route, method, status: String(status) }, seconds),
    refused: (code) => problems.inc({ code }),
    async render(status) {
      unanchored.set(status.greatestUnanchoredAgeMs / 1000);
      unanchoredLimit.set(status.unanchoredAgeLimitMs / 1000);
      headSeq.set(Number(status.headSeq));
      for (const check of status.checks) checks.set({ check: check.name }, check.ok ? 1 : 0);
      return registry.metrics();
    },
    contentType: registry.contentType,
  };
}
