/** Calls `onPending` whenever the node takes a transaction into its pool, until closed. A lost connection is not our affair: the node's end is noticed elsewhere. */
export function watchPending(rpcUrl: string, onPending: () => void): { close(): void } {
  const socket = new WebSocket(rpcUrl.replace('http', 'ws'));
  socket.addEventListener('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newPendingTransactions'] })));
  // The first message only confirms the subscription; looking at an empty pool once is cheaper than telling them apart.
  socket.addEventListener('message', onPending);
  socket.addEventListener('error', () => undefined);
  return { close: () => socket.close() };
}
