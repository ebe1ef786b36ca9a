/* Composio's webhooks: only what is signed, fresh and new is taken, and what it says of an account counts for nothing
 * before Composio says so itself. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run, startSandbox, startServe, tempDir } from '../harness.mjs';
import { client, connect, control, deliverTo, expired, rows, SECRET as JWT_SECRET, startTenon, token, until } from './flow.mjs';

const SECRET = 'wh-secret-of-the-tests';
const OLD_SECRET = 'wh-secret-before-that';
let tenon;
before(async () => { tenon = await startTenon({ env: { COMPOSIO_WEBHOOK_SECRET: `${SECRET} ${OLD_SECRET}`, LOG_LEVEL: 'debug' } }); });
after(() => tenon.stop());

let number = 0;

const deliver = (event, options) => deliverTo(options?.url ?? tenon.url, event, { secrets: [SECRET], id: `msg_${++number}`, ...options });

/** A user with a connection; and its account at Composio. */
async function connected() {
  const user = `hooked-${++number}`;
  const trpc = client(tenon.url, token(user));
  await connect(trpc, 'gmail');
  const row = () => rows(tenon.dir, `SELECT * FROM "UserConnection" WHERE "userId" = '${user}'`)[0];
  return { user, trpc, row, account: row().composioAccountId };
}
const seenSince = (row, before) => until('read again', () => row().lastSyncedAt > before && row());

test('an expired account makes its row INACTIVE, once Composio says so too', async () => {
  const { row, account, trpc } = await connected();
  await control(tenon.sandboxUrl, 'POST', `accounts/${account}`, { status: 'EXPIRED' });
  assert.deepEqual(await deliver(expired(account)), [200, 'taken']);
  await until('INACTIVE', () => row().status === 'INACTIVE');
  assert.equal((await trpc.integrations.status.query({ provider: 'gmail' })).connected, false);
});

test('an event that lies about an account changes nothing', async () => {
  const { row, account, trpc } = await connected();
  const before = row();
  for (const event of [expired(account), expired(account, { user_id: 'somebody else', status: 'REVOKED' }),
    { ...expired(account), type: 'composio.connected_account.deleted' }]) {
    const { lastSyncedAt } = row();
    assert.deepEqual(await deliver(event), [200, 'taken']);
    await seenSince(row, lastSyncedAt);
  }
  const { lastSyncedAt, updatedAt, ...now } = row();
  assert.deepEqual({ ...before, lastSyncedAt, updatedAt }, { ...now, lastSyncedAt, updatedAt });
  assert.equal((await trpc.integrations.executeTool.mutate({ provider: 'gmail', toolName: 'GMAIL_FETCH_EMAILS', parameters: {} })).status, 'SUCCESS');
});

test('what is forged, altered, old or unsigned is refused, and reads nothing', async () => {
  const { row, account } = await connected();
  const { lastSyncedAt } = row();
  const event = expired(account);
  const sent = JSON.stringify(event).replace('expired', 'revoked');
  for (const [delivery, expectation] of [
    [{ secrets: ['not the secret'] }, [401, 'SIGNATURE_INVALID']],
    [{ secrets: [''] }, [401, 'SIGNATURE_INVALID']],
    [{ sent }, [401, 'SIGNATURE_INVALID']],
    [{ age: 600 }, [401, 'TIMESTAMP_STALE']],
    [{ age: -600 }, [401, 'TIMESTAMP_STALE']],
    [{ headers: {} }, [401, 'SIGNATURE_MISSING']],
    [{ headers: { 'webhook-id': 'a', 'webhook-timestamp': 'now', 'webhook-signature': 'v1,x' } }, [401, 'SIGNATURE_MISSING']],
  ]) assert.deepEqual(await deliver(event, delivery), expectation);
  assert.equal(row().lastSyncedAt, lastSyncedAt);
  assert.equal(row().status, 'ACTIVE');
});

test('a delivery is taken once, whoever repeats it; over a restart, too', async () => {
  const { row, account } = await connected();
  const once = { id: 'msg_once' };
  assert.deepEqual(await deliver(expired(account), once), [200, 'taken']);
  assert.deepEqual(await deliver(expired(account), once), [200, 'repeated']);
  const { lastSyncedAt } = await seenSince(row, '');
  await tenon.stop('SIGKILL');
  tenon = await startTenon({ dir: tenon.dir, env: { COMPOSIO_WEBHOOK_SECRET: SECRET } });
  assert.deepEqual(await deliver(expired(account), once), [200, 'repeated']);
  assert.equal(row().lastSyncedAt, lastSyncedAt);
  await tenon.stop();
  tenon = await startTenon({ dir: tenon.dir, env: { COMPOSIO_WEBHOOK_SECRET: `${SECRET} ${OLD_SECRET}`, LOG_LEVEL: 'debug' } });
});

test('while the secret is replaced, either is good, and any of several signatures', async () => {
  const { account } = await connected();
  assert.deepEqual(await deliver(expired(account), { secrets: [OLD_SECRET] }), [200, 'taken']);
  assert.deepEqual(await deliver(expired(account), { secrets: ['another', SECRET] }), [200, 'taken']);
});

test('unknown events and unknown accounts are received and ignored', async () => {
  const { row, account } = await connected();
  const { lastSyncedAt } = row();
  for (const event of [
    { ...expired(account), type: 'composio.trigger.message' },
    { ...expired(account), type: 'composio.something.new' },
    { trigger_name: 'GMAIL_NEW_GMAIL_MESSAGE', connection_id: account, payload: {} },
    expired('ca_nobody'), expired(undefined), expired(7), [], 'text', null,
  ]) assert.deepEqual(await deliver(event), [200, 'ignored']);
  assert.deepEqual(await deliver(undefined, { body: '{"type":' }), [400, 'INVALID_JSON']);
  assert.equal(row().lastSyncedAt, lastSyncedAt);
});

test('no secret is in the log; GET finds nothing; a body too large is refused', async () => {
  assert.ok(!tenon.log().includes('wh-secret'));
  assert.equal((await fetch(`${tenon.url}/webhooks/composio`)).status, 404);
  const reply = await fetch(`${tenon.url}/webhooks/composio`, { method: 'POST', body: 'x'.repeat(1_100_000) }).catch(() => ({ status: 413 }));
  assert.equal(reply.status, 413);
});

test('without a secret there are no webhooks', async () => {
  const other = await startTenon();
  assert.deepEqual(await deliver(expired('ca_x'), { url: other.url }), [404, 'WEBHOOKS_OFF']);
  await other.stop();
});

test('the whole way: setup subscribes, and what expires at Composio is INACTIVE here', async (t) => {
  const sandbox = await startSandbox();
  t.after(() => sandbox.stop());
  const dir = tempDir();
  const env = {
    DATABASE_URL: 'file:./tenon.db', COMPOSIO_API_KEY: 'ak_x', COMPOSIO_BASE_URL: sandbox.url, JWT_SECRET,
    COMPOSIO_AUTH_CONFIG_GMAIL: 'ac_sandbox_gmail',
  };
  assert.equal((await run('migrate', [], { dir, env })).code, 0);
  const server = await startServe({ dir, env });
  t.after(() => server.stop());
  for (const said of [/subscription ws_\S+ made/, /webhooks: nothing to change/]) {
    const setup = await run('setup', [], { dir, env: { ...env, PUBLIC_URL: server.url, WEBHOOKS: 'on' } });
    assert.equal(setup.code, 0, setup.stderr);
    assert.match(setup.stdout, said);
  }
  await connect(client(server.url, token('ada')), 'gmail');
  const row = () => rows(dir, 'SELECT * FROM "UserConnection"', join(dir, 'tenon.db'))[0];
  await control(sandbox.url, 'POST', `accounts/${row().composioAccountId}`, { status: 'EXPIRED' });
  await until('INACTIVE', () => row().status === 'INACTIVE');
  const { secret } = rows(dir, 'SELECT "secret" FROM "WebhookSubscription"', join(dir, 'tenon.db'))[0];
  assert.ok(secret.length > 0 && !server.log().includes(secret));
});
