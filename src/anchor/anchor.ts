/** The door of anchor: seals the books' records into batches, brings them into the log on the chain, and proves them. */
export { freshness, greatestUnanchoredAgeMs, GREATEST_UNANCHORED_AGE_MS, type AgeOptions } from './age.ts';
export { createAnchorer, type Anchorer, type AnchorerOptions } from './anchorer.ts';
export { batchesOf } from './batchStore.ts';
export { gatherBatches, type Gathered } from './gatherer.ts';
export { createProver, isFinallyAnchored, type ConsistencyProof, type Prover, type ProverOptions, type ReceiptRequest } from './prover.ts';
export { createSealer, type Sealer, type SealerOptions } from './sealing/sealer.ts';
export { openSealingThread, type SealingOptions, type SealingThread } from './sealing/thread.ts';
export { openTreeBuilder, type TreeBuilder } from './treeBuilder.ts';
export type { AnchorChain, AnchoredEvent, AnchorOutbox, AnchorProgress, AnchorState, BatchSource, RecordSource, SealedBatch } from './types.ts';
