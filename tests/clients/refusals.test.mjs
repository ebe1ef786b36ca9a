/* Every refusal, through the official client: its code, HTTP status and reason, a message that helps, and no secret. */
import { TRPCClientError } from '@trpc/client';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { client, comeBack, connect, consent, control, refusal, rows, startTenon, token } from './flow.mjs';

const FRONTEND = 'https://app.example.com';
let tenon;
before(async () => {
  tenon = await startTenon({
    env: { UPSTREAM_TIMEOUT_MS: '400', EXECUTE_TIMEOUT_MS: '400', FRONTEND_URL: FRONTEND },
  });
});
after(() => tenon.stop());

const KINDS = { UNAUTHORIZED: 401, FORBIDDEN: 403, NOT_FOUND: 404, BAD_REQUEST: 400, PRECONDITION_FAILED: 412,
  TOO_MANY_REQUESTS: 429, BAD_GATEWAY: 502, SERVICE_UNAVAILABLE: 503, GATEWAY_TIMEOUT: 504 };
const SECRETS = /ak_sandbox|eyJ|SELECT|sqlite|postgres|UPDATE |stack|\.c:\d/i;

function assertRefused(error, code, reason) {
  assert.ok(error instanceof TRPCClientError, String(error));
  assert.deepEqual([error.data?.code, error.data?.reason], [code, reason], `${error.message} ${JSON.stringify(error.data)}`);
  assert.equal(error.data.httpStatus, KINDS[code]);
  assert.match(error.data.requestId, /\S/);
  assert.ok(error.message.length > 15, error.message);
  assert.doesNotMatch(JSON.stringify([error.message, error.data]), SECRETS);
}

let users = 0;
/** A client of a user of its own. */
const somebody = () => {
  const user = `refused-${++users}`;
  return { user, trpc: client(tenon.url, token(user)) };
};

/* ---- who is calling ---- */

for (const [name, bearer, reason] of [
  ['no token', () => undefined, 'TOKEN_MISSING'],
  ['no JWT', () => 'abc', 'TOKEN_INVALID'],
  ['another signature', () => token('u', { secret: 'another secret of more than thirty-two bytes' }), 'TOKEN_INVALID'],
  ['alg none', () => token('u', { header: { alg: 'none' } }), 'TOKEN_INVALID'],
  ['alg RS256', () => token('u', { header: { alg: 'RS256' } }), 'TOKEN_INVALID'],
  ['a token that is over', () => token('u', { exp: 1_600_000_000 }), 'TOKEN_EXPIRED'],
  ['a token of the future', () => token('u', { nbf: 4_000_000_000 }), 'TOKEN_EXPIRED'],
  ['a user id with a comma', () => token('a,b'), 'TOKEN_INVALID'],
  ['a user id with a control character', () => token('a\u0007b'), 'TOKEN_INVALID'],
  ['an empty user id', () => token(''), 'TOKEN_INVALID'],
  ['a user id that is no text', () => token(7), 'TOKEN_INVALID'],
]) {
  test(`token: ${name}`, async () => {
    for (const mount of ['/api/trpc', '/trpc']) {
      const trpc = client(tenon.url, bearer(), { mount });
      assertRefused(await refusal(trpc.integrations.list.query()), 'UNAUTHORIZED', reason);
      assertRefused(await refusal(trpc.integrations.executeTool.mutate({ provider: 'x', toolName: 'y' })), 'UNAUTHORIZED', reason);
    }
  });
}

/* ---- what is asked for ---- */

test('an unknown provider', async () => {
  const { trpc } = somebody();
  for (const call of [
    () => trpc.integrations.status.query({ provider: 'fax' }),
    () => trpc.integrations.connect.mutate({ provider: 'fax' }),
    () => trpc.integrations.complete.mutate({ provider: 'fax', state: 's' }),
    () => trpc.integrations.disconnect.mutate({ provider: 'fax' }),
    () => trpc.integrations.executeTool.mutate({ provider: 'fax', toolName: 'T' }),
  ]) assertRefused(await refusal(call()), 'NOT_FOUND', 'PROVIDER_UNKNOWN');
});

test('tools: unknown with the nearest named, not allowed, not connected, parameters that are no object', async () => {
  const { trpc } = somebody();
  const run = (toolName, parameters) => refusal(trpc.integrations.executeTool.mutate({ provider: 'gmail', toolName, parameters }));
  const unknown = await run('GMAIL_SEARCH_EMAILS');
  assertRefused(unknown, 'NOT_FOUND', 'TOOL_UNKNOWN');
  assert.match(unknown.message, /GMAIL_FETCH_EMAILS/);
  assertRefused(await run('GMAIL_DELETE_MESSAGE', { message_id: '1' }), 'FORBIDDEN', 'TOOL_NOT_ALLOWED');
  assertRefused(await run('GMAIL_FETCH_EMAILS', {}), 'PRECONDITION_FAILED', 'NOT_CONNECTED');
  await connect(trpc, 'gmail');
  assertRefused(await run('GMAIL_FETCH_EMAILS', ['a']), 'BAD_REQUEST', 'ARGUMENTS_NOT_AN_OBJECT');
  assertRefused(await run('GMAIL_FETCH_EMAILS', 'a'), 'BAD_REQUEST', 'ARGUMENTS_NOT_AN_OBJECT');
});

test('input that does not fit carries zodError', async () => {
  const { trpc } = somebody();
  const error = await refusal(trpc.integrations.executeTool.mutate({ provider: '', toolName: 7 }));
  assert.equal(error.data.code, 'BAD_REQUEST');
  assert.deepEqual(Object.keys(error.data.zodError.fieldErrors), ['provider', 'toolName']);
  assert.equal(JSON.parse(error.message).length, 2);
  const none = await refusal(trpc.integrations.status.query());
  assert.match(none.message, /expected object, received undefined/);
});

/* ---- completing ---- */

async function begun(provider = 'gmail') {
  const person = somebody();
  return { ...person, provider, attempt: await person.trpc.integrations.connect.mutate({ provider }) };
}
const complete = (trpc, provider, state, code) => refusal(trpc.integrations.complete.mutate({ provider, state, code }));
const statusOf = async (trpc, provider) =>
  (await trpc.integrations.list.query()).find((entry) => entry.provider === provider).connection?.status;

test('a state: guessed, of another user, of another provider, used with another code, without its code', async () => {
  const { trpc, attempt } = await begun();
  const other = somebody();
  assertRefused(await complete(trpc, 'gmail', 'guessed'), 'BAD_REQUEST', 'STATE_INVALID');
  assertRefused(await complete(trpc, 'gmail', attempt.state), 'PRECONDITION_FAILED', 'AUTHORIZATION_PENDING');
  const { state, code } = await comeBack(await consent(attempt.authUrl, 'Approve'));
  assertRefused(await complete(other.trpc, 'gmail', state, code), 'BAD_REQUEST', 'STATE_INVALID');
  assertRefused(await complete(trpc, 'slack', state, code), 'BAD_REQUEST', 'STATE_INVALID');
  assertRefused(await complete(trpc, 'gmail', state), 'FORBIDDEN', 'CODE_REQUIRED');
  assertRefused(await complete(trpc, 'gmail', state, 'x'.repeat(43)), 'FORBIDDEN', 'CODE_INVALID');
  assert.equal(await statusOf(trpc, 'gmail'), 'PENDING');
  assert.equal((await trpc.integrations.complete.mutate({ provider: 'gmail', state, code })).success, true);
  assertRefused(await complete(trpc, 'gmail', state, 'x'.repeat(43)), 'FORBIDDEN', 'CODE_INVALID');
  assertRefused(await complete(other.trpc, 'gmail', state, code), 'BAD_REQUEST', 'STATE_INVALID');
});

test('a consent that is denied', async () => {
  const { trpc, attempt } = await begun();
  const back = await comeBack(await consent(attempt.authUrl, 'Deny'));
  assert.deepEqual([back.status, back.code], ['failed', undefined]);
  assertRefused(await complete(trpc, 'gmail', back.state), 'FORBIDDEN', 'AUTHORIZATION_DENIED');
  assert.equal(await statusOf(trpc, 'gmail'), 'FAILED');
  assert.equal((await connect(trpc, 'gmail')).success, true);
});

test('a state that is over', async () => {
  const { user, trpc, attempt } = await begun();
  const { state, code } = await comeBack(await consent(attempt.authUrl, 'Approve'));
  rows(tenon.dir, `UPDATE "OAuthState" SET "expiresAt" = '2026-01-01T00:00:00.000Z' WHERE "userId" = '${user}'`);
  assertRefused(await complete(trpc, 'gmail', state, code), 'BAD_REQUEST', 'STATE_EXPIRED');
  assert.notEqual(await statusOf(trpc, 'gmail'), 'ACTIVE');
});

test('a callback that is not ours is answered with a page, and changes nothing', async () => {
  for (const query of ['', '?key=guessed', '?key=%00', '?key=guessed&connected_account_id=ca_1']) {
    const reply = await fetch(`${tenon.url}/oauth/callback${query}`, { redirect: 'manual' });
    assert.equal(reply.status, 400);
    assert.match(reply.headers.get('content-security-policy'), /default-src 'none'/);
    assert.match(await reply.text(), /<h1>Not connected<\/h1>/);
  }
});

/* ---- Composio ---- */

const FAULTS = [
  ['down', { reset: true }, ['BAD_GATEWAY', 'UPSTREAM_UNAVAILABLE'], ['BAD_GATEWAY', 'OUTCOME_UNKNOWN']],
  ['slow', { latency_ms: 2000 }, ['GATEWAY_TIMEOUT', 'UPSTREAM_TIMEOUT'], ['GATEWAY_TIMEOUT', 'OUTCOME_UNKNOWN']],
  ['garbage', { garbage: true }, ['BAD_GATEWAY', 'UPSTREAM_UNAVAILABLE'], ['BAD_GATEWAY', 'OUTCOME_UNKNOWN']],
  ['a gateway\'s page', { html: true }, ['BAD_GATEWAY', 'UPSTREAM_UNAVAILABLE'], ['BAD_GATEWAY', 'OUTCOME_UNKNOWN']],
  ['cut short', { truncate: true }, ['BAD_GATEWAY', 'UPSTREAM_UNAVAILABLE'], ['BAD_GATEWAY', 'OUTCOME_UNKNOWN']],
  ['failing', { status: 500 }, ['BAD_GATEWAY', 'UPSTREAM_UNAVAILABLE'], ['BAD_GATEWAY', 'OUTCOME_UNKNOWN']],
  ['busy', { status: 429, retry_after: 120 }, ['TOO_MANY_REQUESTS', 'UPSTREAM_BUSY'], ['TOO_MANY_REQUESTS', 'UPSTREAM_BUSY']],
  ['refusing the key', { status: 401 }, ['BAD_GATEWAY', 'UPSTREAM_KEY_REFUSED'], ['BAD_GATEWAY', 'UPSTREAM_KEY_REFUSED']],
];

for (const [name, fault, refused, executed] of FAULTS) {
  test(`Composio ${name}: typed refusals, nothing changed, and afterwards all is well`, async () => {
    const { user, trpc } = somebody();
    await connect(trpc, 'gmail');
    const open = await trpc.integrations.connect.mutate({ provider: 'slack' });
    const { state, code } = await comeBack(await consent(open.authUrl, 'Approve'));
    const before = rows(tenon.dir, `SELECT "provider", "status", "composioAccountId" FROM "UserConnection" WHERE "userId" = '${user}'`);
    await control(tenon.sandboxUrl, 'POST', 'faults', [{ match: { path: '/api/' }, fault }]);
    try {
      assertRefused(await refusal(trpc.integrations.connect.mutate({ provider: 'gmail' })), ...refused);
      assertRefused(await refusal(trpc.integrations.connect.mutate({ provider: 'notion' })), ...refused);
      assertRefused(await complete(trpc, 'slack', state, code), ...refused);
      const execution = await refusal(trpc.integrations.executeTool.mutate(
        { provider: 'gmail', toolName: 'GMAIL_FETCH_EMAILS', parameters: {} }));
      assertRefused(execution, ...executed);
      assert.equal((await trpc.integrations.list.query()).length, 5, 'reading needs no Composio');
    } finally {
      await control(tenon.sandboxUrl, 'DELETE', 'faults');
    }
    const now = rows(tenon.dir, `SELECT "provider", "status", "composioAccountId" FROM "UserConnection" WHERE "userId" = '${user}'`);
    assert.deepEqual(now, before);
    const [{ id }] = rows(tenon.dir, `SELECT "id" FROM "UserConnection" WHERE "userId" = '${user}' AND "provider" = 'gmail'`);
    const [row] = rows(tenon.dir, `SELECT "status", "error" FROM "ToolExecution" WHERE "connectionId" = '${id}'`);
    assert.equal(row.status, 'FAILED');
    assert.ok(row.error.length > 15);
    assert.equal((await trpc.integrations.complete.mutate({ provider: 'slack', state, code })).success, true);
    assert.equal((await trpc.integrations.executeTool.mutate(
      { provider: 'gmail', toolName: 'GMAIL_FETCH_EMAILS', parameters: {} })).status, 'SUCCESS');
  });
}

test('disconnecting while Composio is down succeeds, and the account goes later', async () => {
  const { user, trpc } = somebody();
  await connect(trpc, 'github');
  await control(tenon.sandboxUrl, 'POST', 'faults', [{ match: { path: '/api/' }, fault: { status: 503 } }]);
  try {
    assert.deepEqual(await trpc.integrations.disconnect.mutate({ provider: 'github' }), { success: true });
  } finally {
    await control(tenon.sandboxUrl, 'DELETE', 'faults');
  }
  assert.equal(await statusOf(trpc, 'github'), 'REVOKED');
  const [{ composioAccountId }] = rows(tenon.dir, `SELECT "composioAccountId" FROM "UserConnection" WHERE "userId" = '${user}'`);
  assert.equal(rows(tenon.dir, `SELECT * FROM "CleanupJob" WHERE "composioAccountId" = '${composioAccountId}'`).length, 1);
  /* What is on its way out is not adopted. */
  assert.equal((await trpc.integrations.connect.mutate({ provider: 'github' })).needsAuth, true);
});

test('an account that expired at Composio needs reconnecting', async () => {
  const { user, trpc } = somebody();
  await connect(trpc, 'gmail');
  const [{ composioAccountId, id }] = rows(tenon.dir, `SELECT * FROM "UserConnection" WHERE "userId" = '${user}'`);
  await control(tenon.sandboxUrl, 'POST', `accounts/${composioAccountId}`,
    { status: 'EXPIRED', status_reason: 'Permanent auth error during token refresh' });
  const run = () => refusal(trpc.integrations.executeTool.mutate(
    { provider: 'gmail', toolName: 'GMAIL_FETCH_EMAILS', parameters: {} }));
  assertRefused(await run(), 'PRECONDITION_FAILED', 'RECONNECT_REQUIRED');
  assert.equal(await statusOf(trpc, 'gmail'), 'INACTIVE');
  assertRefused(await run(), 'PRECONDITION_FAILED', 'RECONNECT_REQUIRED');
  assert.equal((await connect(trpc, 'gmail')).connection.id, id);
});

/* ---- the wire ---- */

const auth = { authorization: `Bearer ${token('wire')}` };
const json = { 'content-type': 'application/json' };
for (const [name, path, init, status, code] of [
  ['an unknown procedure', '/trpc/integrations.nothing', {}, 404, 'NOT_FOUND'],
  ['a mutation by GET', '/trpc/integrations.connect', { headers: auth }, 405, 'METHOD_NOT_SUPPORTED'],
  ['a query by POST', '/trpc/integrations.list', { method: 'POST', headers: { ...auth, ...json }, body: '{}' }, 405, 'METHOD_NOT_SUPPORTED'],
  ['another content type', '/trpc/integrations.connect', { method: 'POST', headers: { ...auth, 'content-type': 'text/plain' }, body: '{}' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['no JSON', '/trpc/integrations.connect', { method: 'POST', headers: { ...auth, ...json }, body: '{' }, 400, 'BAD_REQUEST'],
  ['a body too large', '/trpc/integrations.connect', { method: 'POST', headers: { ...auth, ...json }, body: 'x'.repeat(1048577) }, 413, 'PAYLOAD_TOO_LARGE'],
  ['a batch too large', `/trpc/${Array(21).fill('health').join()}?batch=1`, {}, 400, 'BAD_REQUEST'],
  ['no such page', '/nothing', {}, 404, 'NOT_FOUND'],
]) {
  test(`the wire: ${name}`, async () => {
    const reply = await fetch(tenon.url + path, init);
    assert.equal(reply.status, status);
    assert.match(reply.headers.get('content-type'), /^application\/json/);
    const { error } = await reply.json();
    assert.equal(error.data.code, code);
    assert.equal(typeof error.code, 'number');
  });
}

test('the wire: HEAD, and pages from elsewhere', async () => {
  assert.equal((await fetch(`${tenon.url}/trpc/integrations.list`, { method: 'HEAD' })).status, 204);
  const preflight = (origin) => fetch(`${tenon.url}/api/trpc/integrations.connect`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
  });
  const ours = await preflight(FRONTEND);
  assert.equal(ours.status, 204);
  assert.equal(ours.headers.get('access-control-allow-origin'), FRONTEND);
  assert.match(ours.headers.get('access-control-allow-headers'), /authorization/);
  for (const origin of ['https://evil.example', 'null', `${FRONTEND}.evil.example`, 'http://app.example.com']) {
    assert.equal((await preflight(origin)).headers.get('access-control-allow-origin'), null, origin);
  }
  const answer = await fetch(`${tenon.url}/trpc/integrations.list`, { headers: { origin: FRONTEND } });
  assert.equal(answer.status, 401);
  assert.equal(answer.headers.get('access-control-allow-origin'), FRONTEND);
});

test('the development session is for this machine\'s pages alone', async () => {
  const { request } = await import('node:http');
  const asked = (host) => new Promise((resolve) => {
    request(`${tenon.url}/dev/session`, { headers: { host } }, (reply) => { reply.resume(); resolve(reply.statusCode); }).end();
  });
  assert.equal(await asked('127.0.0.1:8787'), 200);
  assert.equal(await asked('evil.example'), 404);
  assert.equal(await asked('localhost.evil.example'), 404);
});

test('the log holds no secret', async () => {
  assert.doesNotMatch(tenon.log(), /ak_sandbox|eyJhb|Bearer/);
});
