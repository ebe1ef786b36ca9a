/* Which account of Composio's connecting takes: the newest that works, wherever it stands in the list, and no other. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { client, comeBack, consent, control, refusal, rows, startTenon, token } from './flow.mjs';

const KEY = 'ak_sandbox_dev'; // of `tenon dev`
let tenon;
before(async () => { tenon = await startTenon({ env: { LOG_LEVEL: 'warn' } }); });
after(() => tenon.stop());

const seed = async (accounts) => {
  const reply = await control(tenon.sandboxUrl, 'POST', 'seed', { accounts });
  assert.equal(reply.status, 200, await reply.text());
};
const api = async (method, path, body) => {
  const reply = await fetch(`${tenon.sandboxUrl}/api/v3.1${path}`, {
    method, body: body && JSON.stringify(body), headers: { 'x-api-key': KEY, 'content-type': 'application/json' } });
  assert.equal(reply.status, 200, await reply.text());
};
const at = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
const account = (id, user_id, more = {}) => ({ id, user_id, auth_config_id: 'ac_sandbox_gmail', email: 'a@example.com', ...more });
const connect = (user) => client(tenon.url, token(user)).integrations.connect.mutate({ provider: 'gmail' });
const accountOf = (user) => rows(tenon.dir, `SELECT "composioAccountId" AS id, "status" FROM "UserConnection" WHERE "userId" = '${user}'`)[0];

test('an account on a later page of the list is found', async () => {
  await seed([
    account('ca_old_but_good', 'pages', { created_at: at(1000) }),
    ...Array.from({ length: 120 }, (_, i) => account(`ca_dead_${i}`, 'pages', { status: i % 2 ? 'EXPIRED' : 'FAILED', created_at: at(500 - i) })),
  ]);
  assert.equal((await connect('pages')).connected, true);
  assert.deepEqual(accountOf('pages'), { id: 'ca_old_but_good', status: 'ACTIVE' });
});

test('of several the newest is taken, and of another user, auth config or state none', async () => {
  await seed([
    account('ca_several_1', 'several', { created_at: at(300) }),
    account('ca_several_2', 'several', { created_at: at(200) }),
    account('ca_several_3', 'several', { created_at: at(100), status: 'REVOKED' }),
    account('ca_several_4', 'several', { created_at: at(50), auth_config_id: 'ac_sandbox_slack' }),
    account('ca_several_5', 'several-others', { created_at: at(10) }),
  ]);
  assert.equal((await connect('several')).connected, true);
  assert.equal(accountOf('several').id, 'ca_several_2');
  assert.equal((await connect('several')).connected, true, 'and again: no "multiple accounts"');
});

test('a disabled account is not taken, and one that is enabled again is', async () => {
  await seed([account('ca_disabled', 'disabled')]);
  await api('PATCH', '/connected_accounts/ca_disabled/status', { enabled: false });
  assert.equal((await connect('disabled')).connected, false);
  await api('PATCH', '/connected_accounts/ca_disabled/status', { enabled: true });
  assert.equal((await connect('disabled')).connected, true);
  assert.equal(accountOf('disabled').id, 'ca_disabled');
});

test('with a disabled auth config nobody connects and nothing is taken; when it is enabled, all is as before', async () => {
  await seed([account('ca_of_config', 'config')]);
  await api('PATCH', '/auth_configs/ac_sandbox_gmail/DISABLED');
  const error = await refusal(connect('config'));
  assert.equal(error.data.reason, 'UPSTREAM_REJECTED');
  assert.equal(accountOf('config')?.status === 'ACTIVE', false);
  await api('PATCH', '/auth_configs/ac_sandbox_gmail/ENABLED');
  assert.equal((await connect('config')).connected, true);
  assert.equal(accountOf('config').id, 'ca_of_config');
});

test('a consent that nobody finishes fails after its ten minutes, and its account goes', async () => {
  const trpc = client(tenon.url, token('never'));
  const { authUrl, state } = await connect('never');
  await (await fetch(authUrl)).text(); // opened: INITIATED
  await control(tenon.sandboxUrl, 'POST', 'clock', { advance_seconds: 601 });
  const error = await refusal(trpc.integrations.complete.mutate({ provider: 'gmail', state, code: 'x' }));
  assert.ok(['STATE_EXPIRED', 'CODE_INVALID'].includes(error.data.reason), error.data.reason);
  assert.notEqual((await trpc.integrations.status.query({ provider: 'gmail' })).connected, true);
  const again = await connect('never');
  assert.notEqual(again.authUrl, authUrl);
  const home = await comeBack(await consent(again.authUrl, 'Approve'));
  assert.equal((await trpc.integrations.complete.mutate({ provider: 'gmail', ...home, state: again.state })).success, true);
});
