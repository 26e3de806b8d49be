/** The door of the process: a node's configuration, what it takes to make its folder, and the running node. */
export { parseNodeConfig, parsePartialConfig, type NodeConfig } from './config.ts';
export { createIdentity, openIdentity, rewrapIdentity } from './identityFile.ts';
export { nodeName } from './peerHeads.ts';
export { startNode, type RunningNode } from './runningNode.ts';
