import type { Step } from './transfer.ts';

/**
 * What the sender's journal says of a transfer.
 *
 *   absent    nothing
 *   refused   its hold was refused, for ever
 *   held      the money waits between debtor and clearing account
 *   stuck     held, and its post was refused for ever: an account of it is closed
 *   posted    the debtor has paid: the transfer takes place
 *   voided    the debtor has his money back: the transfer does not take place
 *   expired   likewise, by the hold's own time
 *   foreign   the id names something else than the hold of such a transfer
 */
export const SENDER_STATES = ['absent', 'refused', 'held', 'stuck', 'posted', 'voided', 'expired', 'foreign'] as const;
export type SenderState = (typeof SENDER_STATES)[number];

/**
 * What the receiver's journal says of it.
 *
 *   absent     nothing
 *   unfit      nothing, and there is no creditor's account in the same asset to hold money for
 *   refused    its hold was refused, for ever
 *   held       the money waits between clearing account and creditor
 *   stuck      held, and its post was refused for ever: an account of it is closed
 *   stranded   stuck, and suspense was refused as well
 *   posted     the creditor has it
 *   suspended  the creditor could no longer take it, and suspense has it
 *   voided     the creditor gets nothing
 *   foreign    the ids name something else than such a transfer's
 */
export const RECEIVER_STATES = ['absent', 'unfit', 'refused', 'held', 'stuck', 'stranded', 'posted', 'suspended', 'voided', 'foreign'] as const;
export type ReceiverState = (typeof RECEIVER_STATES)[number];

/** How a transfer ended: paid to the creditor; paid into suspense; refused before anything was held; given back by a void; given back by its time. */
export type Ending = 'posted' | 'suspended' | 'refused' | 'returned' | 'expired';

export type Verdict =
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'end'; readonly ending: Ending }
  /** The two journals say what no order of steps and crashes makes them say. Nothing is done about it: somebody has to look. */
  | { readonly kind: 'contradiction'; readonly what: string };

const step = (next: Step): Verdict => ({ kind: 'step', step: next });
const end = (ending: Ending): Verdict => ({ kind: 'end', ending });

/**
 * What comes next, from what both journals say; total.
 *
 * The sender's hold is closed once, by a post, by a void or by its time, in one record of one journal: that record is the decision. It is a post only where the
 * receiver's hold stood before, which has no timeout and which nothing but the decision closes. What is done to the receiver's hold is done on the strength of the
 * decision alone, which nobody can take back. So whoever looks, and whenever, finds one decision or none, and a step that was decided on what is no longer so is
 * refused by the one hold that it is about. A contradiction is one only where both states were so at one moment.
 */
export function verdictOf(sender: SenderState, receiver: ReceiverState): Verdict {
  if (sender === 'foreign' || receiver === 'foreign') return contradiction(sender, receiver);
  const isPaid = receiver === 'posted' || receiver === 'suspended';
  switch (sender) {
    case 'posted':
      return afterPost(receiver);
    case 'refused':
    case 'voided':
    case 'expired':
      if (isPaid) return contradiction(sender, receiver);
      if (receiver === 'held' || receiver === 'stuck' || receiver === 'stranded') return step('voidReceiver');
      return end(sender === 'voided' ? 'returned' : sender);
    case 'held':
      if (isPaid) return contradiction(sender, receiver);
      if (receiver === 'absent') return step('holdReceiver');
      return step(receiver === 'held' ? 'postSender' : 'voidSender');
    case 'stuck':
      return isPaid ? contradiction(sender, receiver) : step('voidSender');
    case 'absent':
      // Without a hold of the sender's there is none of the receiver's, ever: the sender's book has lost records, or somebody wrote the receiver's by hand.
      if (isPaid || receiver === 'held' || receiver === 'stuck' || receiver === 'stranded') return contradiction(sender, receiver);
      return step('holdSender');
  }
}

function afterPost(receiver: Exclude<ReceiverState, 'foreign'>): Verdict {
  switch (receiver) {
    case 'held':
      return step('postReceiver');
    case 'stuck':
      return step('suspendReceiver');
    case 'posted':
    case 'suspended':
      return end(receiver);
    case 'absent':
    case 'unfit':
    case 'refused':
    case 'stranded':
    case 'voided':
      return contradiction('posted', receiver);
  }
}

const SENDER_WORDS: Readonly<Record<SenderState, string>> = {
  absent: 'knows nothing of it',
  refused: 'refused it',
  held: 'still holds the money',
  stuck: 'still holds the money and cannot post it',
  posted: 'has posted it',
  voided: 'gave the money back',
  expired: 'let it expire',
  foreign: 'has something else under its id',
};

const RECEIVER_WORDS: Readonly<Record<ReceiverState, string>> = {
  absent: 'knows nothing of it',
  unfit: 'has no account of the same asset for it',
  refused: 'refused it',
  held: 'still holds the money',
  stuck: 'still holds the money and cannot post it',
  stranded: 'can post it neither to the creditor nor to suspense',
  posted: 'has posted it',
  suspended: 'has paid it into suspense',
  voided: 'voided it',
  foreign: 'has something else under its ids',
};

function contradiction(sender: SenderState, receiver: ReceiverState): Verdict {
  return { kind: 'contradiction', what: `the sender's book ${SENDER_WORDS[sender]}, the receiver's ${RECEIVER_WORDS[receiver]}` };
}
