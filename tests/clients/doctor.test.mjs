/* `tenon doctor`: each planted problem is named, what may be mended is, and then there is none. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { listLiteral, query } from '../database.mjs';
import { run, startSandbox, startServe } from '../harness.mjs';
import { client, connect, consent, control, installation, rows, token } from './flow.mjs';

let sandbox;
before(async () => { sandbox = await startSandbox(); });
after(() => sandbox.stop());

const api = (method, path, body) => fetch(`${sandbox.url}/api/v3.1${path}`, {
  method, body: body && JSON.stringify(body), headers: { 'x-api-key': 'ak_x', 'content-type': 'application/json' } });
const sql = (place, text) => query(place.database, text);

async function doctor(place, ...args) {
  const { code, stdout, stderr } = await run('doctor', ['--json', ...args], place);
  const { findings, problems } = JSON.parse(stdout);
  assert.doesNotMatch(stdout + stderr, /ak_of_the_operator|a secret of the tests/);
  assert.equal(code, problems > 0 ? 1 : 0);
  assert.equal(findings.filter(({ verdict }) => verdict === 'problem').length, problems);
  return findings;
}

/** A healthy installation: set up, with a connected user. */
async function healthy(user = 'ada') {
  await control(sandbox.url, 'POST', 'reset');
  const place = await installation(sandbox.url);
  assert.equal((await run('setup', [], place)).code, 0);
  const server = await startServe(place);
  await connect(client(server.url, token(user)), 'gmail');
  await server.stop();
  return place;
}

const bad = (findings) => findings.filter(({ verdict }) => verdict === 'problem' || verdict === 'fixed');
const accountOf = (place) => rows(place.dir, 'SELECT "composioAccountId" AS id FROM "UserConnection"', place.database)[0].id;

/* An ACTIVE account that Tenon had no part in. */
async function foreignAccount(user) {
  const { redirect_url: link } = await (await api('POST', '/connected_accounts/link', { auth_config_id: 'ac_sandbox_gmail', user_id: user })).json();
  await consent(link, 'Approve');
}

/* Composio with a clock of its own. */
async function skewed(t, seconds) {
  const proxy = createServer(async (request, response) => {
    const reply = await fetch(sandbox.url + request.url, { headers: { 'x-api-key': request.headers['x-api-key'] } });
    response.writeHead(reply.status, { 'content-type': 'application/json', date: new Date(Date.now() + seconds * 1000).toUTCString() });
    response.end(await reply.text());
  });
  await new Promise((listening) => proxy.listen(0, '127.0.0.1', listening));
  t.after(() => proxy.close());
  return `http://127.0.0.1:${proxy.address().port}`;
}

const PLANTED = [
  { name: 'a database that is behind', expected: /migrations behind/, fixed: true,
    place: () => installation(sandbox.url, { migrated: false }),
    plant: async (place) => { place.env.COMPOSIO_AUTH_CONFIG_GMAIL = undefined; }, others: true },
  { name: 'a key that Composio refuses', expected: /refused our API key/, plant: (place) => { place.env.COMPOSIO_API_KEY = 'wrong'; } },
  { name: 'no JWT_SECRET', expected: /JWT_SECRET is not set/, plant: (place) => { place.env.JWT_SECRET = undefined; } },
  { name: 'an auth config that is not there', expected: /no auth config ac_nobody/,
    plant: (place) => { place.env.COMPOSIO_AUTH_CONFIG_SLACK = 'ac_nobody'; }, others: true },
  { name: 'an auth config that is disabled', expected: /ac_sandbox_notion is disabled/,
    plant: () => api('PATCH', '/auth_configs/ac_sandbox_notion/DISABLED') },
  { name: 'an auth config of another toolkit', expected: /for the toolkit "github"/,
    plant: (place) => { place.env.COMPOSIO_AUTH_CONFIG_CALENDAR = 'ac_sandbox_github'; } },
  { name: 'tools that nobody has', expected: /gmail: the row's allowedTools/, fixed: true,
    plant: (place) => sql(place, `UPDATE "AuthConfig" SET "allowedTools" = '${listLiteral(['GMAIL_SEARCH_EMAILS'])}' WHERE "provider" = 'gmail'`) },
  { name: 'a provider that was not set up', expected: /github: has not been set up/, fixed: true,
    plant: (place) => sql(place, `DELETE FROM "MCPServer" WHERE "authConfigId" = (SELECT "id" FROM "AuthConfig" WHERE "provider" = 'github')`) },
  { name: 'an MCP server that is gone', expected: /slack: its MCP server is gone/, fixed: true,
    plant: (place) => api('DELETE', `/mcp/${rows(place.dir, `SELECT "composioServerId" AS id FROM "MCPServer" WHERE "name" = 'Slack'`, place.database)[0].id}`) },
  { name: 'a callback URL without TLS', expected: /without TLS/, plant: (place) => { place.env.PUBLIC_URL = 'http://tenon.example.com'; } },
  { name: 'a clock that is wrong', expected: /clock is \d+ s behind/,
    plant: async (place, t) => { place.env.COMPOSIO_BASE_URL = await skewed(t, 120); } },
  { name: 'a user with several accounts', expected: /user ada has 2 ACTIVE accounts/, plant: () => foreignAccount('ada') },
  { name: 'a connection that died at Composio', expected: /connection of user ada says ACTIVE; .* INACTIVE/, fixed: true,
    plant: (place) => control(sandbox.url, 'POST', `accounts/${accountOf(place)}`, { status: 'EXPIRED', status_reason: 'Max auth failures reached' }) },
  { name: 'a connection that was deleted at Composio', expected: /says ACTIVE; .* REVOKED/, fixed: true,
    plant: (place) => api('DELETE', `/connected_accounts/${accountOf(place)}`) },
  { name: 'a disconnected account that lives on', expected: /disconnected account ca_\w+, which is still ACTIVE/, fixed: true,
    plant: (place) => sql(place, `UPDATE "UserConnection" SET "status" = 'REVOKED'`) },
  { name: 'an account with two users', expected: /in the rows of two users, ada and mallory/, others: true,
    plant: (place) => sql(place, `INSERT INTO "UserConnection" ("id", "userId", "mcpServerId", "provider", "composioAccountId", "composioEntityId", "status", "updatedAt")
      SELECT 'x', 'mallory', "mcpServerId", "provider", "composioAccountId", "composioEntityId", "status", "updatedAt" FROM "UserConnection"`) },
  { name: 'webhooks that do not come', expected: /does not deliver them to http:\/\/127.0.0.1:1/, fixed: true,
    plant: (place) => { Object.assign(place.env, { WEBHOOKS: 'on', PUBLIC_URL: 'http://127.0.0.1:1' }); } },
  { name: 'work that nobody does', expected: /overdue/, fixed: true,
    plant: (place) => sql(place, `INSERT INTO "CleanupJob" ("id", "composioAccountId", "reason", "notBefore") VALUES ('j', 'ca_gone', 'REPLACED', '2026-01-01T00:00:00.000Z')`) },
];

test('a healthy installation has no problems, in words and as JSON', async () => {
  const place = await healthy();
  assert.deepEqual(bad(await doctor(place)), []);
  const { code, stdout } = await run('doctor', [], place);
  assert.equal(code, 0);
  assert.match(stdout, /^ok +key .*5 auth configs/m);
  assert.match(stdout, /\nno problems\n$/);
  assert.equal((await run('doctor', ['--wrong'], place)).code, 2);
});

test('the callback URL is where Tenon answers', async () => {
  const place = await healthy();
  const server = await startServe(place);
  const callback = async (url) => {
    const found = await doctor({ ...place, env: { ...place.env, PUBLIC_URL: url } });
    return found.find(({ check }) => check === 'callback URL');
  };
  assert.equal((await callback(server.url)).verdict, 'ok');
  assert.match((await callback(sandbox.url)).what, /no Tenon answers/);
  await server.stop();
  assert.match((await callback(server.url)).what, /no Tenon answers/);
  assert.match((await callback(undefined)).what, /PUBLIC_URL is not set/);
});

for (const { name, expected, fixed = false, place: makePlace = healthy, plant, others = false } of PLANTED) {
  test(`names ${name}${fixed ? ', and mends it' : ''}`, async (t) => {
    const place = await makePlace();
    await plant(place, t);
    const found = bad(await doctor(place));
    const named = found.filter(({ what }) => expected.test(what));
    assert.equal(named.length, 1, JSON.stringify(found));
    assert.deepEqual([named[0].verdict, named[0].fixable], ['problem', fixed]);
    assert.ok(named[0].remedy !== null || /is not set/.test(named[0].what), 'says what to do');
    if (!others) assert.equal(found.length, 1, JSON.stringify(found));
    const tried = bad(await doctor(place, '--fix'));
    const after = tried.filter(({ what }) => expected.test(what));
    assert.deepEqual(after.map(({ verdict }) => verdict), [fixed ? 'fixed' : 'problem']);
    if (fixed) assert.deepEqual(bad(await doctor(place)), []);
  });
}
