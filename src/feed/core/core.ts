/** The door of feed's pure core: how a page of a book is written for whoever replays it, and read by whoever believes nothing of it. */
export * from './page.ts';
