/* The operator's verbs: migrate, setup, token, serve; safe to repeat, and clear about what is missing. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { query } from '../database.mjs';
import { run, startSandbox, startServe } from '../harness.mjs';
import { client, control, installation, PROVIDERS, rows, token } from './flow.mjs';

let sandbox;
before(async () => { sandbox = await startSandbox(); });
after(() => sandbox.stop());

const tables = ({ dir, database }) => ['AuthConfig', 'MCPServer'].map((name) => rows(dir, `SELECT * FROM "${name}" ORDER BY "id"`, database));
const servers = async () => (await (await fetch(`${sandbox.url}/api/v3.1/mcp/servers?limit=50`, { headers: { 'x-api-key': 'ak_x' } })).json()).items.length;

test('setup makes rows and MCP servers; the second time nothing changes', async () => {
  await control(sandbox.url, 'POST', 'reset');
  const place = await installation(sandbox.url);
  const first = await run('setup', [], place);
  assert.equal(first.code, 0, first.stderr);
  const made = tables(place);
  assert.deepEqual(made[0].map((row) => row.provider), PROVIDERS);
  assert.equal(made[1].length, 5);
  for (const row of made[0]) assert.ok(JSON.parse(row.allowedTools).length > 5 && row.icon && row.description);
  assert.equal(await servers(), 5);
  const second = await run('setup', [], place);
  assert.equal(second.code, 0);
  assert.match(second.stdout, /nothing to change/);
  assert.deepEqual(tables(place), made);
  assert.equal(await servers(), 5);
});

test('an MCP server that is there is used when its row was lost; one that was lost is made anew', async () => {
  await control(sandbox.url, 'POST', 'reset');
  const place = await installation(sandbox.url);
  await run('setup', [], place);
  const [, before] = tables(place);
  query(place.database, 'DELETE FROM "MCPServer"');
  await run('setup', [], place);
  const ids = (list) => list.map((row) => row.composioServerId).sort();
  assert.deepEqual(ids(tables(place)[1]), ids(before));
  await fetch(`${sandbox.url}/api/v3.1/mcp/${before[0].composioServerId}`, { method: 'DELETE', headers: { 'x-api-key': 'ak_x' } });
  assert.equal((await run('setup', [], place)).code, 0);
  assert.equal(await servers(), 5);
  assert.equal(tables(place)[1].length, 5);
});

test('an auth config that is missing, disabled, or of another toolkit is named; the others are set up all the same', async () => {
  await control(sandbox.url, 'POST', 'reset');
  const place = await installation(sandbox.url);
  await fetch(`${sandbox.url}/api/v3.1/auth_configs/ac_sandbox_slack/DISABLED`, { method: 'PATCH', headers: { 'x-api-key': 'ak_x' } });
  place.env.COMPOSIO_AUTH_CONFIG_GMAIL = 'ac_nobody';
  place.env.COMPOSIO_AUTH_CONFIG_NOTION = 'ac_sandbox_github';
  const result = await run('setup', [], place);
  assert.equal(result.code, 1);
  assert.match(result.stdout, /gmail: Composio has no auth config ac_nobody/);
  assert.match(result.stdout, /slack: the auth config ac_sandbox_slack is disabled/);
  assert.match(result.stdout, /notion: .*for the toolkit "github"/);
  assert.deepEqual(tables(place)[0].map((row) => row.provider), ['calendar', 'github']);
});

test('what is missing is named', async () => {
  const place = await installation(sandbox.url, { migrated: false });
  for (const [verb, change, expected] of [
    ['serve', { COMPOSIO_API_KEY: undefined }, /COMPOSIO_API_KEY is not set/],
    ['serve', { JWT_SECRET: undefined }, /JWT_SECRET is not set/],
    ['serve', { JWT_SECRET: 'short' }, /JWT_SECRET/],
    ['serve', {}, /run `tenon migrate`/],
    ['setup', { COMPOSIO_API_KEY: undefined }, /COMPOSIO_API_KEY is not set/],
    ['setup', {}, /run `tenon migrate`/],
    ['migrate', { DATABASE_URL: 'file:./no/such/place.db' }, /no\/such/],
    ['migrate', { DATABASE_URL: 'mysql://x' }, /DATABASE_URL|database/],
    ['serve', { LISTEN: 'nonsense' }, /LISTEN/],
    ['token', {}, /USER/],
    ['nothing', {}, /no verb "nothing"/],
  ]) {
    const result = await run(verb, [], { dir: place.dir, env: { ...place.env, ...change } });
    assert.notEqual(result.code, 0, verb);
    assert.match(result.stderr, expected);
    assert.doesNotMatch(result.stderr, /ak_of_the_operator|a secret of the tests/);
  }
  const help = await run('--help');
  assert.equal(help.code, 0);
  for (const word of ['serve', 'COMPOSIO_API_KEY', 'LISTEN']) assert.ok(help.stdout.includes(word));
});

test('serve answers, token signs in, a second server on the port is refused, SIGTERM ends it', async () => {
  await control(sandbox.url, 'POST', 'reset');
  const place = await installation(sandbox.url);
  await run('setup', [], place);
  const server = await startServe(place);
  const { stdout } = await run('token', ['ada'], place);
  const list = await client(server.url, stdout.trim()).integrations.list.query();
  assert.deepEqual(list.map((entry) => entry.provider), PROVIDERS);
  assert.equal((await fetch(`${server.url}/dev/session`)).status, 404);
  assert.equal((await (await fetch(`${server.url}/readyz`)).json()).status, 'ready');
  const second = await run('serve', [], { dir: place.dir, env: { ...place.env, LISTEN: new URL(server.url).host } });
  assert.equal(second.code, 1);
  assert.match(second.stderr, /in use/);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
});

test('the weaker verification completes without a code', async () => {
  await control(sandbox.url, 'POST', 'reset');
  const place = await installation(sandbox.url);
  await run('setup', [], place);
  const server = await startServe({ dir: place.dir, env: { ...place.env, CONNECT_VERIFICATION: 'state' } });
  const { consent } = await import('./flow.mjs');
  const trpc = client(server.url, token('weak'));
  const { authUrl, state } = await trpc.integrations.connect.mutate({ provider: 'gmail' });
  await consent(authUrl, 'Approve');
  assert.equal((await trpc.integrations.complete.mutate({ provider: 'gmail', state })).success, true);
  await server.stop();
});
