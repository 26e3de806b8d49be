/** The door of db: a pool whose role cannot rewrite the journal, migrations, named statements, and a PostgreSQL of our own where none is given. */
export { openAsOwner, openDatabase, openForReading, type Database, type DatabaseOptions } from './database.ts';
export { runningPostgres, startPostgres, type EmbeddedPostgres, type PostgresEvent, type PostgresOptions } from './embedded/embedded.ts';
export { abandonedPlaces, removeAbandoned } from './embedded/abandoned.ts';
export { hasEmbeddedPostgres } from './embedded/place.ts';
export { sqlState, toProblem, violatedConstraint } from './errors.ts';
export { inspectDatabase, migrate, type Migrated } from './migrate.ts';
export { pruneCommand } from './prune.ts';
export { execute, inTransaction, query, type Connection, type Pool, type Queryable, type Row } from './query.ts';
export { openReplication, type OpenReplication, type Replication } from './replication.ts';
export { loadSql, type NamedStatement } from './sql.ts';
export { databaseName, isDatabaseUrl } from './url.ts';
