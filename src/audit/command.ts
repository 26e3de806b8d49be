import { readFileSync } from 'node:fs';
import { ENTRY_FORMAT, parseProof, type EntryClaims } from '#anchor/core';
import { formatDecimal, isHex, isUuid, Problem, unreadable, type Hex, type MerchantId } from '#base';
import { PENDING, POST_PENDING, VOID_PENDING } from '#ledger/core';
import { readChain } from './chain/client.ts';
import type { FinalityTag } from './chain/endpoint.ts';
import type { KnownKeys } from './checks/directory.ts';
import { readExport } from './export/read.ts';
import { auditJson, renderAudit } from './report.ts';
import { auditExport } from './run.ts';
import { verifyEntry, verifyReceipt, type VerifiedEntry, type VerifiedReceipt } from './verify.ts';

type Values = Readonly<Record<string, string | boolean | undefined>>;

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/** An endpoint that the caller chose: there is no default, because whom to trust is his decision. */
function endpointOf(name: string, { rpc }: Values): string {
  if (typeof rpc !== 'string') throw new Problem('cli/bad-arguments', `${name} needs --rpc URL: the endpoint you trust.`);
  if (!URL.canParse(rpc) || !/^https?:$/.test(new URL(rpc).protocol)) throw new Problem('cli/bad-arguments', '--rpc takes an http or https URL.');
  return rpc;
}

/** The newest block counts only for whoever says so himself. */
function finalityOf({ finality = 'finalized' }: Values): FinalityTag {
  if (finality !== 'finalized' && finality !== 'latest') throw new Problem('cli/bad-arguments', '--finality takes finalized or latest.');
  return finality;
}

/** Which block was gone by, in words. */
const BELIEVED: Readonly<Record<FinalityTag, string>> = {
  finalized: 'the newest that the endpoint calls finalized',
  latest: 'the newest of the endpoint, as --finality latest asked: a reorganisation can still take it back',
};

/** The vault that the caller knows, so that nobody shows him one of his own making; undefined where he does not say. */
function knownVault({ vault }: Values): Hex | undefined {
  if (typeof vault !== 'string') return undefined;
  const address = vault.toLowerCase();
  if (!isHex(address, 20)) throw new Problem('cli/bad-arguments', '--vault takes an address: 0x and 40 hexadecimal digits.');
  return address;
}

function requireVault(known: Hex | undefined, vault: Hex): void {
  if (known !== undefined && known !== vault) throw new Problem('audit/other-vault', `The file is about the vault ${vault}, not ${known}.`, { vault });
}

/** cairn verify: 0 when the receipt, or the proof of an entry, holds; a Problem says why not. */
export async function verifyCommand(file: string, values: Values): Promise<number> {
  const rpc = endpointOf('verify', values);
  const finality = finalityOf(values);
  const known = knownVault(values);
  const text = readText(file);
  const proof = parseProof(text);
  requireVault(known, proof.vault);
  const { facts, sentence, finalBlock } =
    proof.format === ENTRY_FORMAT ? entryTold(await verifyEntry(proof, rpc, finality)) : receiptTold(await verifyReceipt(text, rpc, finality));
  const { vault, anchor, chainId } = proof;
  process.stdout.write(
    values['json']
      ? `${JSON.stringify({ ...facts, chainId, vault, anchor, finality, finalBlock })}\n`
      : `${sentence}\n${
          known ? '' : `It is about the vault ${vault} on chain ${chainId}: make sure that this is the vault you know, or name yours with --vault.\n`
        }It went by block ${finalBlock}, ${BELIEVED[finality]}.
`,
  );
  return 0;
}

/** A proof that holds, for a program and for a person. */
interface Told {
  readonly facts: Readonly<Record<string, unknown>>;
  readonly sentence: string;
  readonly finalBlock: number;
}

function receiptTold({ claims: { story, paid, payment }, finalBlock }: VerifiedReceipt): Told {
  const amount = `${formatDecimal(story.amount, story.decimals)} ${story.symbol}`;
  const facts = { payment, state: story.state, amount, payee: paid?.payee ?? null, transaction: paid?.transaction ?? null, token: paid?.token ?? null };
  const where = paid ? ` to ${paid.payee} in transaction ${paid.transaction}` : '';
  return { facts, sentence: `The receipt holds: payment ${payment} is ${story.state}, ${amount}${where}.`, finalBlock };
}

function entryTold({ claims, finalBlock }: VerifiedEntry): Told {
  const { account, book, entry } = claims;
  const what = happened(claims);
  const facts = { account, book, seq: `${entry.seq}`, kind: entry.kind, nowMs: entry.nowMs, what };
  return { facts, sentence: `The entry holds: record ${entry.seq} of book ${book}, ${new Date(entry.nowMs).toISOString()}: ${what}.`, finalBlock };
}

/** What an entry did, in words. */
function happened({ account, entry, asset }: EntryClaims): string {
  if (entry.kind === 'expiry') return `hold ${entry.transfer} of account ${account} expired`;
  if (entry.kind !== 'transfer' || !asset) return `account ${account} is opened, or closed`;
  const { debit, credit, amount, flags, pendingId } = entry;
  const money = `${formatDecimal(amount, asset.decimals)} ${asset.symbol} from account ${debit} to account ${credit}`;
  if ((flags & PENDING) !== 0) return `${money} set aside`;
  if ((flags & VOID_PENDING) !== 0) return `${money} given back, which was set aside by ${pendingId}`;
  return (flags & POST_PENDING) !== 0 ? `${money} booked, which was set aside by ${pendingId}` : `${money} booked`;
}

/** cairn audit: 0 when everything agrees, 1 with any finding. */
export async function auditCommand(file: string, values: Values): Promise<number> {
  const rpc = endpointOf('audit', values);
  const finality = finalityOf(values);
  const { merchants } = values;
  const known = typeof merchants === 'string' ? parseKnownKeys(readText(merchants)) : undefined;
  const vault = knownVault(values);
  const exported = await readExport(file);
  requireVault(vault, exported.header.vault);
  const result = auditExport(exported, await readChain(rpc, exported, finality), known);
  process.stdout.write(
    values['json']
      ? auditJson(exported.header, finality, result)
      : `${renderAudit(exported.header, result)}It went by block ${result.checked.finalBlock}, ${BELIEVED[finality]}.\n`,
  );
  return result.findings.length === 0 ? 0 : 1;
}

/** Lines of "merchant-uuid 0xaddress"; empty lines and lines that begin with # say nothing. Throws `audit/bad-merchants`. */
function parseKnownKeys(text: string): KnownKeys {
  const keys = new Map<MerchantId, `0x${string}`>();
  text.split(/\r?\n/).forEach((line, i) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    const [merchant = '', key = '', ...rest] = line.trim().split(/\s+/);
    const address = key.toLowerCase();
    if (!isUuid<MerchantId>(merchant) || !isHex(address, 20) || rest.length > 0)
      throw new Problem('audit/bad-merchants', `Line ${i + 1} is not "merchant-uuid 0xaddress".`, { line: i + 1 });
    if (keys.has(merchant)) throw new Problem('audit/bad-merchants', `Line ${i + 1} names merchant ${merchant} a second time.`, { line: i + 1 });
    keys.set(merchant, address);
  });
  return keys;
}
