/** `cairn dev schema`: writes docs/schema.sql, by the test that otherwise compares it. */
import { runProgram } from './child.ts';

process.env['CAIRN_WRITE_SCHEMA'] = '1';
const { code } = await runProgram('node_modules/mocha/bin/mocha.js', ['test/docs/schema.test.ts'], 120_000);
process.exitCode = code;
