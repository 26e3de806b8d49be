/** The door of change data capture: whoever follows a book is given every committed record once, in order, at once. */
export { catchUp, follow, type Consumer } from './follow.ts';
export { openHeads, type Heads, type HeadsEvent, type HeadsOptions } from './heads.ts';
