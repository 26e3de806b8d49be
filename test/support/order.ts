import { utf8 } from '#base';

export interface OrderLine {
  readonly name: string;
  /** The creditor's account, no IBAN. */
  readonly account: string;
  readonly currency: string;
  /** With two decimals. */
  readonly amount: string;
  readonly endToEndId?: string;
}

/** A sound pain.001.001.09 of one group. */
export function orderFile(messageId: string, lines: readonly OrderLine[]): Uint8Array {
  const cents = lines
    .reduce((sum, { amount }) => sum + BigInt(amount.replace('.', '')), 0n)
    .toString()
    .padStart(3, '0');
  const one = ({ account, name, currency, amount, endToEndId }: OrderLine, i: number) =>
    `<CdtTrfTxInf><PmtId><EndToEndId>${endToEndId ?? `E-${i}`}</EndToEndId></PmtId><Amt><InstdAmt Ccy="${currency}">${amount}</InstdAmt></Amt>` +
    `<Cdtr><Nm>${name}</Nm></Cdtr><CdtrAcct><Id><Othr><Id>${account}</Id></Othr></Id></CdtrAcct></CdtTrfTxInf>`;
  const totals = `<NbOfTxs>${lines.length}</NbOfTxs><CtrlSum>${cents.slice(0, -2)}.${cents.slice(-2)}</CtrlSum>`;
  return utf8(
    `<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><CstmrCdtTrfInitn>` +
      `<GrpHdr><MsgId>${messageId.slice(-30)}</MsgId><CreDtTm>2026-11-20T09:12:44+01:00</CreDtTm>${totals}<InitgPty><Nm>Alpine</Nm></InitgPty></GrpHdr>` +
      `<PmtInf><PmtInfId>P-1</PmtInfId><PmtMtd>TRF</PmtMtd>${totals}<ReqdExctnDt><Dt>2026-11-24</Dt></ReqdExctnDt><Dbtr><Nm>Alpine</Nm></Dbtr>` +
      `<DbtrAcct><Id><IBAN>CH9300762011623852957</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BICFI>EXAMCHZZ</BICFI></FinInstnId></DbtrAgt>` +
      `${lines.map(one).join('')}</PmtInf></CstmrCdtTrfInitn></Document>`,
  );
}
