/* Changes reach the open screens of their user at once, through the official client's subscriptions: made by this process
 * or another, on both mounts; and a client that comes back has missed nothing. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { databaseUrl } from '../database.mjs';
import { address, startServe } from '../harness.mjs';
import { client, connect, control, openScreen, PROVIDERS, SECRET, startTenon, token, until } from './flow.mjs';

let tenon, other;
before(async () => {
  tenon = await startTenon({ env: { TENON_THREADS: '3', USER_STREAMS: '4', LOG_LEVEL: 'debug' } });
  other = await startServe({
    dir: tenon.dir,
    env: {
      DATABASE_URL: databaseUrl(tenon.dir, '.tenon/tenon.db'), COMPOSIO_BASE_URL: tenon.sandboxUrl,
      COMPOSIO_API_KEY: 'ak_sandbox_dev', JWT_SECRET: SECRET,
    },
  });
});
after(async () => {
  await other.stop();
  await tenon.stop();
});

/** Wait until the screen was told so, and forget it. */
async function sees(screen, ...expected) {
  await until(`${expected} on the screen`, () => screen.error || screen.told.length >= expected.length);
  assert.equal(screen.error, undefined);
  assert.deepEqual(screen.told.splice(0), expected);
}
const NOTHING_YET = PROVIDERS.map((provider) => `${provider} NONE`);

for (const mount of ['/api/trpc', '/trpc']) {
  test(`${mount}: every screen of the user sees a change, another user's sees nothing`, async () => {
    const user = `user of ${mount}`;
    const trpc = client(tenon.url, token(user));
    const screens = Array.from({ length: 4 }, () => openScreen(tenon.url, token(user), { mount }));
    const stranger = openScreen(tenon.url, token(`stranger of ${mount}`), { mount });
    for (const screen of [...screens, stranger]) await sees(screen, ...NOTHING_YET);
    const { authUrl } = await trpc.integrations.connect.mutate({ provider: 'gmail' });
    assert.ok(authUrl);
    for (const screen of screens) await sees(screen, 'gmail PENDING');
    await trpc.integrations.disconnect.mutate({ provider: 'gmail' });
    for (const screen of screens) await sees(screen, 'gmail REVOKED');
    const { connection } = await connect(trpc, 'slack');
    for (const screen of screens) {
      await until('ACTIVE', () => screen.told.includes('slack ACTIVE'));
      const last = screen.events.at(-1);
      assert.equal(last.connected, true);
      // Dates with superjson, texts without.
      const plain = mount === '/trpc' ? JSON.parse(JSON.stringify(connection)) : connection;
      assert.deepEqual(last, { provider: 'slack', connected: true, connection: plain });
    }
    await client(tenon.url, token(user)).integrations.executeTool.mutate({ provider: 'slack', toolName: 'SLACK_LIST_ALL_USERS', parameters: {} });
    await trpc.integrations.disconnect.mutate({ provider: 'slack' });
    for (const screen of screens) { // the execution was no change
      await until('REVOKED', () => screen.told.includes('slack REVOKED'));
      assert.deepEqual(screen.told.filter((line) => line.startsWith('slack')).slice(-2), ['slack ACTIVE', 'slack REVOKED']);
    }
    assert.deepEqual(stranger.told, []);
    for (const screen of [...screens, stranger]) screen.close();
  });
}

test('a change that another process on the same file makes', async () => {
  const [here, there] = [openScreen(tenon.url, token('two')), openScreen(other.url, token('two'))];
  for (const screen of [here, there]) await sees(screen, ...NOTHING_YET);
  await connect(client(other.url, token('two')), 'github');
  for (const screen of [here, there]) await until('ACTIVE', () => screen.told.includes('github ACTIVE'));
  await client(tenon.url, token('two')).integrations.disconnect.mutate({ provider: 'github' });
  for (const screen of [here, there]) {
    await until('REVOKED', () => screen.told.includes('github REVOKED'));
    screen.close();
  }
});

test('a change that Composio made is told when it is noticed', async () => {
  const trpc = client(tenon.url, token('noticed'));
  await connect(trpc, 'notion');
  const screen = openScreen(tenon.url, token('noticed'));
  await until('ACTIVE', () => screen.told.includes('notion ACTIVE'));
  const { items } = await (await fetch(`${tenon.sandboxUrl}/api/v3.1/connected_accounts?user_ids=noticed`, { headers: { 'x-api-key': 'ak_sandbox_dev' } })).json();
  await control(tenon.sandboxUrl, 'POST', `accounts/${items[0].id}`, { status: 'EXPIRED' });
  await trpc.integrations.executeTool.mutate({ provider: 'notion', toolName: 'NOTION_SEARCH_NOTION_PAGE', parameters: {} }).catch(() => {});
  await until('INACTIVE', () => screen.told.includes('notion INACTIVE'));
  screen.close();
});

test('who comes back is told what changed meanwhile, and nothing else', async () => {
  const trpc = client(tenon.url, token('back'));
  const first = openScreen(tenon.url, token('back'));
  await sees(first, ...NOTHING_YET);
  first.close();
  await trpc.integrations.connect.mutate({ provider: 'calendar' });
  const again = openScreen(other.url, token('back'), { lastEventId: first.lastEventId });
  await sees(again, 'calendar PENDING');
  again.close();
  const third = openScreen(tenon.url, token('back'), { lastEventId: again.lastEventId });
  await trpc.integrations.disconnect.mutate({ provider: 'calendar' });
  await sees(third, 'calendar REVOKED');
  third.close();
});

test('a bad token, and one stream too many, end with their reasons', async () => {
  for (const bearer of ['nonsense', token('ada', { secret: 'another secret of more than 32 bytes' })]) {
    const screen = openScreen(tenon.url, bearer);
    await until('refused', () => screen.error);
    assert.equal(screen.error.data.code, 'UNAUTHORIZED');
    assert.equal(screen.error.data.reason, 'TOKEN_INVALID');
    assert.ok(screen.error.data.requestId);
    screen.close();
  }
  const screens = Array.from({ length: 4 }, () => openScreen(tenon.url, token('many')));
  for (const screen of screens) await sees(screen, ...NOTHING_YET);
  const fifth = openScreen(tenon.url, token('many'));
  await until('refused', () => fifth.error);
  assert.equal(fifth.error.data.reason, 'TOO_MANY_STREAMS');
  screens[0].close();
  await until('room again', async () => {
    const sixth = openScreen(tenon.url, token('many'));
    await until('an answer', () => sixth.error || sixth.told.length === PROVIDERS.length);
    sixth.close();
    return !sixth.error;
  });
  for (const screen of screens) screen.close();
});

test('the token of a stream is in no log line', () => {
  assert.deepEqual(tenon.log().split('\n').filter((line) => line.includes('eyJhbGciOi')), []); // how every JWT begins
});

test('a server that stops ends its streams; the clients come back to the next one, and have missed nothing', async () => {
  const screen = openScreen(other.url, token('drain'));
  await sees(screen, ...NOTHING_YET);
  const env = {
    LISTEN: address(other.url), DATABASE_URL: databaseUrl(tenon.dir, '.tenon/tenon.db'),
    COMPOSIO_BASE_URL: tenon.sandboxUrl, COMPOSIO_API_KEY: 'ak_sandbox_dev', JWT_SECRET: SECRET,
  };
  assert.deepEqual(await other.stop(), { code: 0, signal: null });
  await client(tenon.url, token('drain')).integrations.connect.mutate({ provider: 'gmail' });
  other = await startServe({ dir: tenon.dir, env });
  await sees(screen, 'gmail PENDING');
  assert.ok(screen.states.includes('connecting'));
  screen.close();
});
