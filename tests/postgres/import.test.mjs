/* `tenon import` from a table of PostgreSQL's, which is dropped in the end. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { control, installation, rows } from '../clients/flow.mjs';
import { databaseUrl } from '../database.mjs';
import { run, startSandbox, tempDir } from '../harness.mjs';

test('a table of another PostgreSQL database is taken over, and dropped when its name was typed', async (t) => {
  const sandbox = await startSandbox();
  t.after(() => sandbox.stop());
  const accounts = [1, 2].map((i) => ({ id: `ca_${i}`, user_id: `user-${i}`, auth_config_id: 'ac_sandbox_gmail', email: 'a@example.com' }));
  assert.equal((await control(sandbox.url, 'POST', 'seed', { accounts })).status, 200);
  const made = await installation(sandbox.url);
  assert.equal((await run('setup', [], made)).code, 0);
  const old = databaseUrl(tempDir());
  const psql = (sql) => execFileSync('psql', ['-X', '-q', '-A', '-t', old, '-c', sql], { encoding: 'utf8' }).trim();
  psql(`CREATE TABLE "Old Rows" (user_id text, app text, account text, made timestamptz DEFAULT now(), flags text[]);
    INSERT INTO "Old Rows" VALUES ('user-1', 'GMAIL', 'ca_1'), ('user-2', 'gmail', 'ca_2'), ('user-3', 'gmail', 'ca_3'), ('user-4', NULL, NULL)`);
  const args = ['--from', old, '--query', 'SELECT * FROM "Old Rows" WHERE user_id IS NOT NULL', '--map', 'user=user_id,provider=app,account=account'];
  const { stdout } = await run('import', [...args, '--apply'], made);
  assert.match(stdout, /^4 rows, taken over 2, must reconnect 1, no connection 1$/m);
  const connections = () => rows(made.dir, 'SELECT "userId", "composioAccountId" AS account, "status" FROM "UserConnection" ORDER BY "userId"', made.database);
  assert.deepEqual(connections(), [1, 2].map((i) => ({ userId: `user-${i}`, account: `ca_${i}`, status: 'ACTIVE' })));
  const again = await run('import', [...args, '--apply', '--drop-old', 'Old Rows'], { ...made, input: 'Old Rows\n' });
  assert.match(again.stdout, /there already 2[^]*dropped Old Rows/);
  assert.equal(psql(`SELECT count(*) FROM pg_tables WHERE tablename = 'Old Rows'`), '0');
  assert.equal(connections().length, 2);
});
