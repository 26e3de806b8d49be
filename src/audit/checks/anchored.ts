import { fromHex, toHex, uuidBytes, type Hex } from '#base';
import { appendLeaf, commitment, EMPTY_LOG, type LogHead } from '#anchor/core';
import type { ChainFacts } from '../chain/facts.ts';
import type { Exported } from '../export/read.ts';
import type { Findings } from '../findings.ts';
import { rangeOf } from './log.ts';

/** The anchors of the export against every Anchored event of the chain, and those against each other and against what the contract stores. */
export function checkAnchored(exported: Exported, chain: ChainFacts, findings: Findings): void {
  const { header } = exported;
  if (chain.vaultAnchor !== header.anchor)
    findings.add('anchor', null, `The vault ${header.vault} believes the log ${chain.vaultAnchor}, not ${header.anchor}`);
  if (chain.vaultBook !== toHex(uuidBytes(header.book)))
    findings.add('anchor', null, `The vault ${header.vault} serves the book ${chain.vaultBook}, not ${header.book}`);
  checkChain(chain, findings);
  checkAgainstExport(exported, chain, findings);
  checkNewer(exported, chain, findings);
}

/** Every event extends exactly the log that the events before it make. */
function checkChain({ anchored, commitment: stored }: ChainFacts, findings: Findings): void {
  let head: LogHead = EMPTY_LOG;
  for (const event of anchored) {
    const before = toHex(commitment(head));
    head = appendLeaf(head, fromHex(event.leaf));
    if (event.index !== head.count - 1n || event.previous !== before || event.commitment !== toHex(commitment(head)))
      findings.add(
        'anchor',
        null,
        `The event of leaf ${event.index} in ${event.transaction} does not extend the log before it: the contract is not the one that the formats describe`,
      );
  }
  if (toHex(commitment(head)) !== stored)
    findings.add('anchor', null, `The contract stores the commitment ${stored}; its events come to ${toHex(commitment(head))}`);
}

function checkAgainstExport({ anchors, batches }: Exported, { anchored }: ChainFacts, findings: Findings): void {
  const events = new Map(anchored.map((event) => [event.index, event]));
  const isMined = (state: string): boolean => state === 'mined' || state === 'final';
  anchors.forEach((anchor, place) => {
    const event = events.get(anchor.index);
    const own = batches.filter((batch) => batch.anchor === anchor.index);
    const carried = own.length === 0 ? '' : `, which carries ${own.map(rangeOf).join(' and ')}`;
    const say = (what: string): void => {
      const [batch] = own;
      if (batch) findings.addToBatch('anchor', batch.batchNo, what);
      else findings.add('anchor', null, what);
    };
    if (anchor.index !== BigInt(place)) say(`Anchor ${anchor.index} stands at place ${place} of the export: the log has no gaps`);
    if (!event && isMined(anchor.state)) say(`Anchor leaf ${anchor.index}${carried}, is said to be on the chain and no final block has it`);
    if (event && event.leaf !== anchor.leaf)
      say(`Anchor leaf ${anchor.index}${carried}, is ${anchor.leaf} in the export and ${event.leaf} on the chain: what it carries was replaced`);
    if (event && isMined(anchor.state) && anchor.transaction !== event.transaction)
      say(`Anchor leaf ${anchor.index}${carried}, was brought in by ${event.transaction}, not by ${String(anchor.transaction)}`);
  });
}

/** Leaves that the chain has and the export does not: the chain went on since, or something was taken out of the database. */
function checkNewer({ anchors, header }: Exported, { anchored }: ChainFacts, findings: Findings): void {
  const known = new Set(anchors.map(({ index }) => index));
  for (const event of anchored) {
    const isOlder = event.timestamp === null || event.timestamp * 1000n <= BigInt(header.exportedMs);
    if (!known.has(event.index) && isOlder) findings.add('anchor', null, missing(event));
  }
}

function missing({ index, leaf, transaction }: { readonly index: bigint; readonly leaf: Hex; readonly transaction: Hex }): string {
  return `The chain has the anchor leaf ${index} (${leaf}, in ${transaction}) since before the export was written, and the export does not: entries were taken out`;
}
