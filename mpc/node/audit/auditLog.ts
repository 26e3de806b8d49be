import type { Hex } from '#base';
import { Problem } from '#base';
import { AppendFile } from '../files/files.ts';
import { HashChain, type Head } from '../heads/heads.ts';
import { auditBody, AuditReading, auditTag, nextLine, type AuditEntry, type AuditFinding, type AuditLine } from './line.ts';

export interface AuditOptions {
  /** In the node's own folder, behind its lock. */
  readonly path: string;
  readonly storeId: Hex;
  /** Heads that were acknowledged: what the store remembers of this log, and what peers do. */
  readonly remembered: readonly Head[];
}

/** The append-only log of everything asked, decided, signed, refused and poisoned: JSON lines, each hashed over all before it. */
export class AuditLog {
  /** Only what is durable, so that no head is shown which a crash could take back. */
  readonly chain: HashChain;
  /** With the lines that are on their way to the disk. */
  #tip: Head;
  readonly #file: AppendFile;

  private constructor(chain: HashChain, file: AppendFile) {
    this.chain = chain;
    this.#tip = chain.head;
    this.#file = file;
  }

  /**
   * Reads and checks the log line by line, of whatever length it is. node/audit-tampered names the first line that is wrong; node/audit-behind where it lacks what somebody remembers. A last line that a killed process left unfinished was
   * acknowledged to nobody, and is cut off; if somebody remembers a line of its number, it was not unfinished but damaged.
   */
  static async open({ path, storeId, remembered }: AuditOptions): Promise<AuditLog> {
    let file: AppendFile | undefined;
    const chain = new HashChain(auditTag(storeId), { lines: (after, most) => file!.lines(after, most), bodyOf: auditBody });
    const reading = new AuditReading(chain, remembered);
    const opened = await AppendFile.open(path, (line) => void reading.take(line));
    file = opened.file;
    const finding = reading.finding();
    if (finding) {
      await file.close();
      throw problemOf(path, finding);
    }
    await file.cut(opened.torn);
    return new AuditLog(chain, file);
  }

  get head(): Head {
    return this.chain.head;
  }

  /** The head with this entry, when it is durable. In the order of the calls; node/disk-failed, then and ever after. */
  async append(entry: AuditEntry): Promise<Head> {
    const { text, body, head } = nextLine(this.chain.tag, this.#tip, entry);
    this.#tip = head;
    await this.#file.append(text);
    return this.chain.push(body);
  }

  /** All lines, read and checked again from the disk. */
  async read(): Promise<readonly AuditLine[]> {
    await this.#file.settle();
    const reading = new AuditReading(new HashChain(this.chain.tag), [this.chain.head]);
    const lines: AuditLine[] = [];
    for await (const bytes of this.#file.lines()) {
      const line = reading.take(bytes);
      if (line) lines.push(line);
    }
    const finding = reading.finding();
    if (finding) throw problemOf('The audit log', finding);
    return lines;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function problemOf(path: string, { line, why, reason }: AuditFinding): Problem {
  const code = why === 'short' || why === 'forked' ? 'node/audit-behind' : 'node/audit-tampered';
  return new Problem(code, `${path}: ${reason}`, { line, why });
}
