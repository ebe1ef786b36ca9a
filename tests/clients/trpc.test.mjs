/* The whole way through the official @trpc/client: both mounts, single calls and batches, every provider. */
import { httpBatchLink, httpBatchStreamLink } from '@trpc/client';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { client, comeBack, connect, consent, PROVIDERS, rows, startTenon, token, WAYS } from './flow.mjs';

let tenon;
before(async () => { tenon = await startTenon(); });
after(() => tenon.stop());

/* A tool for each provider, and what of its arguments must show in its result. */
const TOOLS = {
  gmail: ['GMAIL_SEND_EMAIL', { recipient_email: 'ada@example.com', subject: 'Seven', body: 'x' },
    'GMAIL_FETCH_EMAILS', { query: 'subject:Seven', max_results: 5 }, 'Seven'],
  calendar: ['GOOGLECALENDAR_CREATE_EVENT', { summary: 'Lunch of seven', start_datetime: '2027-01-04T12:00:00' },
    'GOOGLECALENDAR_EVENTS_LIST', { q: 'Lunch of seven' }, 'Lunch of seven'],
  slack: ['SLACK_SEND_MESSAGE', { channel: 'general', text: 'seven said' },
    'SLACK_FETCH_CONVERSATION_HISTORY', { channel: 'general', limit: 5 }, 'seven said'],
  notion: ['NOTION_SEARCH_NOTION_PAGE', { query: '', page_size: 1 }, 'NOTION_FETCH_DATA',
    { fetch_type: 'pages', page_size: 1 }, 'id'],
  github: ['GITHUB_LIST_REPOSITORIES_FOR_THE_AUTHENTICATED_USER', { per_page: 1 },
    'GITHUB_GET_THE_AUTHENTICATED_USER', {}, 'login'],
};

const isTime = (value, mount) => (mount === '/api/trpc' ? value instanceof Date : !Number.isNaN(Date.parse(value)));

for (const way of WAYS) {
  for (const provider of PROVIDERS) {
    test(`${provider} by ${way.name}`, async () => {
      const user = `user of ${way.name} ${provider}`;
      const trpc = client(tenon.url, token(user), way);
      const of = async () => (await trpc.integrations.list.query()).find((entry) => entry.provider === provider);
      assert.equal((await of()).connection, null);

      const begun = await trpc.integrations.connect.mutate({ provider });
      assert.deepEqual([begun.connected, begun.needsAuth], [false, true]);
      assert.ok(isTime(begun.expiresAt, way.mount));
      assert.equal((await of()).connection.status, 'PENDING');
      const back = await comeBack(await consent(begun.authUrl, 'Approve'));
      assert.deepEqual([back.provider, back.state, back.status], [provider, begun.state, 'success']);
      const done = await trpc.integrations.complete.mutate({ provider, state: back.state, code: back.code });
      assert.equal(done.success, true);
      const again = await trpc.integrations.complete.mutate({ provider, state: back.state, code: back.code });
      assert.equal(again.connection.id, done.connection.id);

      const { connection } = await of();
      assert.equal(connection.status, 'ACTIVE');
      assert.ok(isTime(connection.connectedAt, way.mount) && isTime(connection.lastSyncedAt, way.mount));
      assert.equal(connection.lastUsedAt, null);
      assert.deepEqual(await trpc.integrations.connect.mutate({ provider }), { connected: true, needsAuth: false });

      const [write, writeArguments, read, readArguments, expected] = TOOLS[provider];
      await trpc.integrations.executeTool.mutate({ provider, toolName: write, parameters: writeArguments });
      const result = await trpc.integrations.executeTool.mutate({ provider, toolName: read, parameters: readArguments });
      assert.deepEqual([result.status, result.error], ['SUCCESS', null]);
      assert.ok(JSON.stringify(result.response).includes(expected), JSON.stringify(result.response));
      const [row] = rows(tenon.dir, `SELECT * FROM "ToolExecution" WHERE "id" = '${result.executionId}'`);
      assert.deepEqual([row.toolName, row.status, row.error, row.duration], [read, 'SUCCESS', null, result.duration]);
      assert.deepEqual(JSON.parse(row.parameters), readArguments);
      assert.deepEqual(JSON.parse(row.response), result.response);
      assert.ok(isTime((await of()).connection.lastUsedAt, way.mount));

      const [{ composioAccountId }] = rows(tenon.dir,
        `SELECT "composioAccountId" FROM "UserConnection" WHERE "id" = '${connection.id}'`);
      assert.deepEqual(await trpc.integrations.disconnect.mutate({ provider }), { success: true });
      assert.equal((await of()).connection.status, 'REVOKED');
      const gone = await fetch(`${tenon.sandboxUrl}/api/v3.1/connected_accounts/${composioAccountId}`,
        { headers: { 'x-api-key': 'ak_sandbox_dev' } });
      assert.equal(gone.status, 404);
      assert.deepEqual(await trpc.integrations.disconnect.mutate({ provider }), { success: true });

      const anew = await connect(trpc, provider);
      assert.equal(anew.connection.id, connection.id, 'a reconnection keeps the row');
      const status = await trpc.integrations.status.query({ provider });
      assert.deepEqual([status.provider, status.connected, status.connection.id], [provider, true, connection.id]);
    });
  }
}

test('two queries go in one request', async () => {
  let requests = 0;
  const trpc = client(tenon.url, token('batcher'), {
    mount: '/trpc',
    link: (options) => httpBatchLink({ ...options, fetch: (...call) => { requests++; return fetch(...call); } }),
  });
  const [list, status, health] = await Promise.all([
    trpc.integrations.list.query(), trpc.integrations.status.query({ provider: 'slack' }), trpc.health.query()]);
  assert.deepEqual([requests, list.length, status.connected, health], [1, 5, false, 'ok']);
});

test('a streamed batch', async () => {
  for (const mount of ['/api/trpc', '/trpc']) {
    const trpc = client(tenon.url, token('streamer'), { mount, link: httpBatchStreamLink });
    const [list, refused] = await Promise.allSettled([
      trpc.integrations.list.query(), trpc.integrations.status.query({ provider: 'fax' })]);
    assert.equal(list.value.length, 5);
    assert.equal(refused.reason.data.reason, 'PROVIDER_UNKNOWN');
  }
});

test('an account that Composio already has is adopted', async () => {
  const made = await fetch(`${tenon.sandboxUrl}/api/v3.1/connected_accounts/link`, {
    method: 'POST',
    headers: { 'x-api-key': 'ak_sandbox_dev', 'content-type': 'application/json' },
    body: JSON.stringify({ auth_config_id: 'ac_sandbox_slack', user_id: 'adopter' }),
  });
  const { redirect_url: link, connected_account_id: account } = await made.json();
  await consent(link, 'Approve');
  const trpc = client(tenon.url, token('adopter'));
  assert.deepEqual(await trpc.integrations.connect.mutate({ provider: 'slack' }), { connected: true, needsAuth: false });
  const [row] = rows(tenon.dir, `SELECT * FROM "UserConnection" WHERE "userId" = 'adopter'`);
  assert.deepEqual([row.composioAccountId, row.status], [account, 'ACTIVE']);
});

test('fifty users at once keep to their own accounts', async () => {
  const users = Array.from({ length: 50 }, (_, number) => `many-${number}`);
  await Promise.all(users.map(async (user, number) => {
    const trpc = client(tenon.url, token(user));
    const wanted = PROVIDERS.filter((_, index) => (number + index) % 2 === 0);
    await Promise.all(wanted.map((provider) => connect(trpc, provider)));
    if (wanted.includes('github')) {
      const { response } = await trpc.integrations.executeTool.mutate(
        { provider: 'github', toolName: 'GITHUB_GET_THE_AUTHENTICATED_USER' });
      assert.ok(JSON.stringify(response).includes(user), JSON.stringify(response));
    }
    const active = (await trpc.integrations.list.query()).filter((entry) => entry.connection?.status === 'ACTIVE');
    assert.deepEqual(active.map((entry) => entry.provider), wanted);
  }));
  const wrong = rows(tenon.dir, `SELECT "userId", "provider", COUNT(*) AS n FROM "UserConnection"
    GROUP BY "userId", "provider" HAVING COUNT(*) > 1`);
  assert.deepEqual(wrong, []);
});
