/* Prisma Migrate and `tenon migrate` on one database: what either made is up to date for the other, and is what the schemas
 * say. Needs scripts/with-postgres. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { installation } from '../clients/flow.mjs';
import { onPostgres } from '../database.mjs';
import { run, tempDir } from '../harness.mjs';
import { blocks, CONTRACT, MIGRATION_NAMES, MIGRATIONS, SCHEMA, service, skip } from './service.mjs';

before(() => assert.ok(onPostgres, 'run it by scripts/with-postgres'));
const NOBODY = 'http://127.0.0.1:1'; // in Composio's place: migrating asks it nothing
const ok = ({ code, text }, pattern) => {
  assert.equal(code, 0, text);
  assert.match(text, pattern);
};
const psql = (url, ...args) => execFileSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...args, url], { encoding: 'utf8' });
const dump = (url) => execFileSync('pg_dump', ['--schema-only', '--no-owner', '--exclude-table=_prisma_migrations', url], { encoding: 'utf8' })
  .split('\n').filter((line) => !/^(--|\\(un)?restrict)/.test(line)).join('\n');

test('what `tenon migrate` made is up to date for Prisma, and as prisma/schema.prisma says', async () => {
  const { database } = await installation(NOBODY);
  const prisma = service({ database });
  ok(await prisma.status(), /Database schema is up to date!/);
  ok(await prisma.deploy(), /No pending migrations to apply\./);
  ok(await prisma.difference(), /No difference detected\./);
});

test('what `tenon migrate` made is as the contract says, but for tables of its own', { skip }, async () => {
  const { database } = await installation(NOBODY);
  const external = Object.keys(blocks(SCHEMA)).filter((name) => !(name in blocks(CONTRACT)));
  ok(await service({ database, schema: CONTRACT, external }).difference(), /No difference detected\./);
});

test('prisma/schema.prisma has the models and enums of the contract', { skip }, () => {
  const ours = blocks(SCHEMA);
  for (const [name, text] of Object.entries(blocks(CONTRACT))) assert.equal(ours[name], text);
});

test('each goes on where the other stopped', async () => {
  const place = await installation(NOBODY, { migrated: false });
  const earlier = tempDir(); // the directory as it was before the newest change
  cpSync(MIGRATIONS, earlier, { recursive: true, filter: (from) => !from.endsWith(MIGRATION_NAMES.at(-1)) });
  const behind = service({ database: place.database, migrations: earlier });
  const now = service(place);

  ok(await behind.deploy(), /All migrations have been successfully applied\./);
  const pending = await now.status();
  assert.equal(pending.code, 1, pending.text);
  assert.match(pending.text, new RegExp(`not yet been applied:\\s+${MIGRATION_NAMES.at(-1)}\\s`));
  const { code, stdout, stderr } = await run('migrate', [], place);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^migrations applied: 1$/m);
  ok(await now.status(), /Database schema is up to date!/);

  const { database } = await installation(NOBODY);
  assert.equal(dump(place.database), dump(database), 'made by both, and by `tenon migrate` alone');
});

test('a difference is seen: an index, a column, a foreign key, an enum, a default', async () => {
  const { database } = await installation(NOBODY);
  psql(database, '-c', `DROP INDEX "CleanupJob_notBefore_idx";
    ALTER TABLE "Lease" ALTER COLUMN "holder" DROP NOT NULL;
    ALTER TABLE "ToolExecution" DROP CONSTRAINT "ToolExecution_connectionId_fkey", ADD CONSTRAINT "ToolExecution_connectionId_fkey"
      FOREIGN KEY ("connectionId") REFERENCES "UserConnection"("id") ON DELETE CASCADE ON UPDATE CASCADE;
    ALTER TABLE "MCPServer" ALTER COLUMN "isChatAuth" SET DEFAULT false`, '-c', `ALTER TYPE "ExecutionStatus" ADD VALUE 'LOST'`);
  const { code, text } = await service({ database }).difference();
  assert.equal(code, 2, text);
  for (const name of ['CleanupJob', 'Lease', 'ToolExecution', 'MCPServer', 'ExecutionStatus']) assert.match(text, new RegExp(`\`${name}\``));
});
