#!/usr/bin/env node
/**
 * The launcher. It is plain JavaScript that any Node >= 20 can run with nothing installed: it sets the clone up where that is
 * still to be done, and then re-runs itself under Node 24, which executes the TypeScript sources as they are.
 *
 *   cairn setup              only set up
 *   cairn dev NAME ...       a developer's command: scripts/dev/NAME.ts
 *   cairn ANYTHING ELSE ...  the product: src/cli.ts
 */
const wanted = 20;
const major = Number(process.versions.node.split('.')[0]);
if (major < wanted) {
  console.error(
    `cairn: this is Node ${process.versions.node}, and cairn needs Node ${wanted} or newer: install it from your system or from nodejs.org, then run the same command again.`,
  );
  process.exit(1);
}

// Imported only now: an older Node could not read these files and would answer with a syntax error instead of the sentence above.
const { launch } = await import('./setup/launch.mjs');
process.exitCode = await launch(process.argv.slice(2));
