/** How much one channel may cost us, and for how long. Parameters, so that a test and a slow continent can both be served. */
export interface WireLimits {
  /** Of one frame, either way: a page of the book with its files is what needs so much. */
  readonly maxFrameBytes: number;
  /** Of one frame that a peer sends us. The largest message of the protocol has 53,700 bytes; a captured peer makes us hold no more than a few of these. */
  readonly maxPeerFrameBytes: number;
  /** Bytes of the calls that are being worked on for one channel; behind them we stop reading as well. */
  readonly maxBytesInFlight: number;
  /** Calls that are being worked on for one channel; behind them we stop reading, and TCP makes the sender wait. */
  readonly maxCallsInFlight: number;
  /** Channels that one pinned key may hold open at once; a new one closes its oldest. */
  readonly maxChannelsPerKey: number;
  /** Connections whose handshake is not done. */
  readonly maxHandshakes: number;
  readonly handshakeTimeoutMs: number;
  /** A channel on which nothing moves for so long is closed; the next call opens another. */
  readonly idleTimeoutMs: number;
  /** Between two tries to reach a node within one call. */
  readonly reconnectAfterMs: number;
}

export const WIRE_LIMITS: WireLimits = {
  maxFrameBytes: 16 << 20,
  maxPeerFrameBytes: 256 << 10,
  maxBytesInFlight: 16 << 20,
  maxCallsInFlight: 64,
  maxChannelsPerKey: 4,
  maxHandshakes: 32,
  handshakeTimeoutMs: 5_000,
  idleTimeoutMs: 120_000,
  reconnectAfterMs: 50,
};
