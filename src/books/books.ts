/** The door of books: in which database each book is, and how a book gets from one to another without losing a transfer. */
export { booksIn, bookUrl, bookUrls, listCommand, moveCommand } from './command.ts';
export { NO_BOOK_DATABASES, openBooks, parseBookDatabases, type BookDatabases, type Books } from './databases.ts';
export { cancelMove, moveBook, type Move, type Moved, type MoveStep } from './move.ts';
