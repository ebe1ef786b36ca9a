/* What only PostgreSQL has: the contract with the services that read these tables through Prisma, instances that share a
 * database, and servers that start anew under a running program. Needs scripts/with-postgres. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { databaseUrl, onPostgres, query } from '../database.mjs';
import { run, startSandbox, startServe, tempDir } from '../harness.mjs';
import { client, comeBack, connect, consent, control, installation, token, until } from '../clients/flow.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const MIGRATIONS = path('../../prisma/migrations/');
const CONTRACT = path('../../../shared/reference/prisma-postgres.sql');
const MODELS = ['AuthConfig', 'MCPServer', 'UserConnection', 'ToolExecution', 'OAuthState'];

let sandbox;
before(async () => {
  assert.ok(onPostgres, 'run it by scripts/with-postgres');
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

const psql = (url, ...args) => execFileSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...args, url], { encoding: 'utf8' });
/* But for the trigger on ToolExecution, which is Tenon's own. */
const dump = (url) => execFileSync('pg_dump', ['--schema-only', '--no-owner', ...MODELS.flatMap((name) => ['-t', `"${name}"`]), url],
  { encoding: 'utf8' }).split('\n').filter((line) => !/^(--|\\(un)?restrict|CREATE TRIGGER "ToolExecution_inserted" |$)/.test(line)).join('\n');
const enums = `SELECT t.typname, e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid ORDER BY t.typname, e.enumsortorder`;

test('the five models are exactly as Prisma makes them', { skip: existsSync(CONTRACT) ? false : 'without the contract' }, async () => {
  const { database } = await installation(sandbox.url);
  const prismas = databaseUrl(tempDir());
  psql(prismas, '-f', CONTRACT);
  assert.equal(dump(database), dump(prismas));
  assert.deepEqual(query(database, enums), query(prismas, enums));
});

test('ten instances migrate at once; the record is what Prisma Migrate writes', async () => {
  const place = await installation(sandbox.url, { migrated: false });
  const all = await Promise.all(Array.from({ length: 10 }, () => run('migrate', [], place)));
  for (const { code, stderr } of all) assert.equal(code, 0, stderr);
  const names = readdirSync(MIGRATIONS, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name).sort();
  const rows = query(place.database, 'SELECT * FROM "_prisma_migrations" ORDER BY "migration_name"');
  assert.deepEqual(rows.map((row) => row.migration_name), names);
  for (const row of rows) {
    const text = readFileSync(`${MIGRATIONS}${row.migration_name}/migration.sql`);
    assert.equal(row.checksum, createHash('sha256').update(text).digest('hex'));
    assert.match(row.id, /^[0-9a-f-]{36}$/);
    assert.ok(row.finished_at && row.started_at);
    assert.deepEqual([row.logs, row.rolled_back_at, row.applied_steps_count], [null, null, 1]);
  }
});

test('what Prisma Migrate has applied is not applied again', async () => {
  const place = await installation(sandbox.url, { migrated: false });
  const [first] = readdirSync(MIGRATIONS).sort();
  const file = `${MIGRATIONS}${first}/migration.sql`;
  psql(place.database, '-f', file);
  psql(place.database, '-c', `CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL,
    finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`);
  psql(place.database, '-c', `INSERT INTO _prisma_migrations VALUES (gen_random_uuid(),
    '${createHash('sha256').update(readFileSync(file)).digest('hex')}', now(), '${first}', NULL, NULL, now(), 1)`);
  const { code, stdout, stderr } = await run('migrate', [], place);
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`applied: ${readdirSync(MIGRATIONS, { withFileTypes: true }).filter((entry) => entry.isDirectory()).length - 1}\n`));
});

test('serve refuses a database that is behind, and --migrate brings it up', async () => {
  const place = await installation(sandbox.url, { migrated: false });
  const refused = await run('serve', [], { ...place, env: { ...place.env, LISTEN: '127.0.0.1:0' } });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /tenon migrate/);
  const server = await startServe({ ...place, args: ['--migrate'] });
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
  psql(place.database, '-c', 'DELETE FROM _prisma_migrations');
  const behind = await fetch(`${server.url}/readyz`);
  assert.deepEqual([behind.status, await behind.json()], [503, { status: 'migrations pending' }]);
  await server.stop();
});

/** Two instances on one database. */
async function twoInstances(t, env = {}) {
  const place = await installation(sandbox.url);
  Object.assign(place.env, env);
  assert.equal((await run('setup', [], place)).code, 0);
  const servers = await Promise.all([startServe(place), startServe(place)]);
  t.after(() => Promise.all(servers.map((server) => server.stop())));
  return { place, servers };
}

test('an attempt begun at one instance is finished at another, and by both at once only once', async (t) => {
  const { place, servers: [one, other] } = await twoInstances(t, { PUBLIC_URL: undefined });
  await Promise.all(Array.from({ length: 10 }, async (_, number) => {
    const bearer = token(`shared-${number}`);
    const [here, there] = [client(one.url, bearer), client(other.url, bearer)];
    const { authUrl, state } = await here.integrations.connect.mutate({ provider: 'gmail' });
    const { code } = await comeBack(await consent(authUrl, 'Approve'));
    const [a, b] = await Promise.all([here, there].map((trpc) => trpc.integrations.complete.mutate({ provider: 'gmail', state, code })));
    assert.deepEqual(a.connection, b.connection);
    assert.equal((await there.integrations.status.query({ provider: 'gmail' })).connected, true);
  }));
  assert.deepEqual(query(place.database, `SELECT "status", COUNT(*) AS n FROM "UserConnection" GROUP BY 1`), [{ status: 'ACTIVE', n: 10 }]);
  assert.deepEqual(query(place.database, 'SELECT * FROM "OAuthState"'), []);
});

test('what jsonb cannot hold is recorded all the same', async (t) => {
  const { place, servers: [server] } = await twoInstances(t);
  const trpc = client(server.url, token('odd'));
  await connect(trpc, 'gmail');
  const odd = { query: 'a\u0000b \ud800 \ud83d\ude42', max_results: 1 };
  const { executionId } = await trpc.integrations.executeTool.mutate({ provider: 'gmail', toolName: 'GMAIL_FETCH_EMAILS', parameters: odd });
  const [row] = query(place.database, `SELECT "status", "parameters" FROM "ToolExecution" WHERE "id" = '${executionId}'`);
  assert.notEqual(row.status, 'PENDING');
  assert.equal(JSON.parse(JSON.parse(row.parameters).query.$json), odd.query);
});

test('text that PostgreSQL cannot hold is refused as the caller\'s mistake', async (t) => {
  const { servers: [server] } = await twoInstances(t);
  await assert.rejects(client(server.url, token('odd')).integrations.complete.mutate({ provider: 'gmail', state: 'x\ud800', code: 'y' }),
    (error) => error.data.httpStatus === 400 && error.data.reason !== undefined);
});

test('connections that the server ends are made anew, and nobody notices', async (t) => {
  const { place, servers: [server] } = await twoInstances(t);
  const trpc = client(server.url, token('steady'));
  await connect(trpc, 'gmail');
  for (let round = 0; round < 5; round++) {
    psql(place.database, '-c', 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    const answers = await Promise.all(Array.from({ length: 20 }, () => trpc.integrations.list.query()));
    for (const list of answers) assert.equal(list.find((entry) => entry.provider === 'gmail').connection.status, 'ACTIVE');
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
  }
});

/** An execution whose outcome the database refuses to take, with that SQLSTATE; mend() has it take it. */
async function refusingOutcomes(t, state) {
  const { place, servers: [server] } = await twoInstances(t);
  const trpc = client(server.url, token('unlucky'));
  await connect(trpc, 'slack');
  psql(place.database, '-c', `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'not now' USING ERRCODE = '${state}'; END $$`);
  psql(place.database, '-c', 'CREATE TRIGGER refuse BEFORE UPDATE ON "ToolExecution" FOR EACH ROW EXECUTE FUNCTION refuse()');
  const text = `told once, ${state}`;
  const answer = trpc.integrations.executeTool.mutate({ provider: 'slack', toolName: 'SLACK_SEND_MESSAGE', parameters: { channel: 'general', text },
    idempotencyKey: 'k' }).catch((error) => error);
  return {
    answer,
    mend: () => psql(place.database, '-c', 'DROP TRIGGER refuse ON "ToolExecution"'),
    ran: async () => (await (await control(sandbox.url, 'GET', 'requests?limit=1000')).json()).items
      .filter(({ path: to, body, status }) => to.endsWith('/SLACK_SEND_MESSAGE') && JSON.stringify(body).includes(text) && status === 200).length,
    row: () => query(place.database, 'SELECT "id", "status" FROM "ToolExecution"')[0],
  };
}

test('an outcome that cannot be saved at once is saved before it is told', async (t) => {
  const { answer, mend, ran, row } = await refusingOutcomes(t, '53100'); // disk full
  await until('the tool has run', async () => await ran() === 1);
  assert.equal(row().status, 'PENDING');
  mend();
  const { status, executionId } = await answer;
  assert.deepEqual(row(), { id: executionId, status });
  assert.equal(status, 'SUCCESS');
  assert.equal(await ran(), 1);
});

test('an outcome that cannot be saved is not told', async (t) => {
  const { answer, ran, row } = await refusingOutcomes(t, 'P0001');
  assert.equal((await answer).data?.reason, 'OUTCOME_UNKNOWN');
  assert.equal(row().status, 'PENDING');
  assert.equal(await ran(), 1);
});
