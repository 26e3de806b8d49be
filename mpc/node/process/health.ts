import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { Problem } from '#base';

/** What is counted, under names that say it; labels have a few values each, never an id. */
export interface Metrics {
  readonly registry: Registry;
  readonly signatures: Counter<'purpose'>;
  readonly refusals: Counter<'rule'>;
  readonly failures: Counter<'code'>;
  readonly poisonings: Counter;
  readonly alarms: Counter<'code'>;
  readonly malformed: Counter<'party'>;
  readonly strangers: Counter;
  readonly turnedAway: Counter<'part'>;
  readonly seconds: Histogram<'purpose'>;
  readonly peersReady: Gauge;
  readonly registryRefused: Gauge<'file'>;
  readonly objections: Gauge;
  readonly ownerWei: Gauge;
  readonly watchedAt: Gauge;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    signatures: new Counter({ name: 'cairn_node_signatures_total', help: 'Signatures that this node took part in', labelNames: ['purpose'], registers }),
    refusals: new Counter({ name: 'cairn_node_refusals_total', help: 'Requests that it refused, by the rule that objects', labelNames: ['rule'], registers }),
    failures: new Counter({ name: 'cairn_node_failed_sessions_total', help: 'Sessions that ended without a signature', labelNames: ['code'], registers }),
    poisonings: new Counter({ name: 'cairn_node_poisonings_total', help: 'Pairs that it poisoned', registers }),
    alarms: new Counter({ name: 'cairn_node_alarms_total', help: 'What an operator has to look at', labelNames: ['code'], registers }),
    malformed: new Counter({
      name: 'cairn_node_malformed_messages_total',
      help: 'Messages of a peer, over its own channel, that no honest node sends',
      labelNames: ['party'],
      registers,
    }),
    strangers: new Counter({ name: 'cairn_node_strangers_total', help: 'Connections of keys that nobody pinned to that part', registers }),
    turnedAway: new Counter({
      name: 'cairn_node_turned_away_total',
      help: 'Calls of a caller that was refused too often: unread, or of a peer refused and not written down',
      labelNames: ['part'],
      registers,
    }),
    seconds: new Histogram({
      name: 'cairn_node_signature_seconds',
      help: 'From the request to the signature',
      labelNames: ['purpose'],
      buckets: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24],
      registers,
    }),
    registryRefused: new Gauge({
      name: 'cairn_node_registry_refused',
      help: '1 while a file of what the operators registered cannot be used, and the node goes by the one before it',
      labelNames: ['file'],
      registers,
    }),
    objections: new Gauge({ name: 'cairn_node_objections', help: 'Operations that wait in the timelock and that it did not agree to', registers }),
    ownerWei: new Gauge({ name: 'cairn_node_owner_wei', help: 'Native coin of the owner’s account, which pays for cancellations', registers }),
    watchedAt: new Gauge({ name: 'cairn_node_watched_timestamp_seconds', help: 'When it last saw the timelock', registers }),
    peersReady: new Gauge({ name: 'cairn_node_peers_ready', help: 'Peers that confirmed what they remember of this node', registers }),
  };
}

export interface Health {
  readonly port: number;
  close(): Promise<void>;
}

/** Plain HTTP on a loopback address: GET /healthz (200 or 503, JSON) and GET /metrics (Prometheus). Nothing in either is secret, and neither changes anything. */
export async function serveHealth(options: {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  readonly health: () => { readonly isHealthy: boolean } & Readonly<Record<string, unknown>>;
}): Promise<Health> {
  const server = createServer({ maxHeaderSize: 8_192, requestTimeout: 5_000 }, (request, response) => {
    const answer = (status: number, type: string, body: string): void =>
      void response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body);
    if (request.method !== 'GET') return answer(405, 'text/plain', 'GET only\n');
    if (request.url === '/healthz') {
      const health = options.health();
      return answer(health.isHealthy ? 200 : 503, 'application/json', `${JSON.stringify(health)}\n`);
    }
    if (request.url !== '/metrics') return answer(404, 'text/plain', 'There are /healthz and /metrics.\n');
    options.registry.metrics().then(
      (text) => answer(200, options.registry.contentType, text),
      () => answer(500, 'text/plain', 'The metrics cannot be told.\n'),
    );
  });
  await bind(server, options.host, options.port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Problem('wire/cannot-listen', `Cannot listen on ${host}, port ${port} (${error.code ?? 'unknown'}).`, { host, port }, error)),
    );
    server.listen({ host, port }, resolve);
  });
}
