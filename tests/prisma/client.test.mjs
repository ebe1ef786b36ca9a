/* Prisma Client beside Tenon: it reads what Tenon wrote, in its types, and Tenon serves what it wrote. On PostgreSQL only:
 * Prisma has no lists (String[]) on SQLite, so there it cannot say the contract. Needs scripts/with-postgres, whose server is
 * in another time zone than UTC. */
import { PrismaPg } from '@prisma/adapter-pg';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { client, comeBack, consent, control, installation, refusal, token } from '../clients/flow.mjs';
import { onPostgres, query } from '../database.mjs';
import { run, startSandbox, startServe, tempDir } from '../harness.mjs';
import { service } from './service.mjs';

const USER = 'user-1';
let sandbox, generated;
const ends = [];

before(async () => {
  assert.ok(onPostgres, 'run it by scripts/with-postgres');
  const dir = tempDir();
  writeFileSync(join(dir, 'seed.json'), JSON.stringify({ accounts: [
    { id: 'ca_before', auth_config_id: 'ac_sandbox_gmail', user_id: USER, status: 'ACTIVE', email: 'user-1@example.com' }] }));
  [sandbox, generated] = await Promise.all([
    startSandbox({ dir, args: ['--seed', 'seed.json'] }),
    service({ database: process.env.TENON_TEST_POSTGRES }).generate(),
  ]);
  ends.push(() => sandbox.stop());
});
after(async () => {
  for (const end of ends.reverse()) await end();
});

/** Tenon at a database, as USER calls it, and Prisma Client beside it, maybe by another URL. */
async function beside(place, connectionString = place.database) {
  const server = await startServe(place);
  const prisma = new generated.PrismaClient({ adapter: new PrismaPg({ connectionString }) });
  ends.push(() => server.stop(), () => prisma.$disconnect());
  return { url: server.url, trpc: client(server.url, token(USER)), prisma };
}

/** The URL of a role that has the tables of the contract and nothing else, not even a search_path. */
function ofAnotherRole(database) {
  const role = `other-${randomUUID()}`;
  query(database, `CREATE ROLE "${role}" LOGIN`);
  query(database, `GRANT SELECT, INSERT, UPDATE, DELETE ON "AuthConfig", "MCPServer", "UserConnection", "ToolExecution", "OAuthState" TO "${role}"`);
  const url = new URL(database);
  url.username = role;
  url.searchParams.set('options', '-c search_path=pg_catalog');
  return url.href;
}

/** Between the two, of a time that Tenon or Prisma made meanwhile. */
function within(time, from, to = new Date()) {
  assert.ok(time instanceof Date, `${time} is a Date`);
  assert.ok(from <= time && time <= to, `${from.toISOString()} ≤ ${time.toISOString()} ≤ ${to.toISOString()}`);
}


test('what Tenon wrote, by Prisma Client', async (t) => {
  const start = new Date();
  const place = await installation(sandbox.url);
  const { code, stderr } = await run('setup', [], place);
  assert.equal(code, 0, stderr);
  const { url, trpc, prisma } = await beside(place);
  const { Prisma } = generated;

  await t.test('set-up: auth configs with lists, MCP servers', async () => {
    const configs = await prisma.authConfig.findMany({ include: { mcpServers: true }, orderBy: { provider: 'asc' } });
    const served = await trpc.integrations.list.query();
    assert.equal(configs.length, 5);
    for (const config of configs) {
      const { displayName, icon, description, requiredScopes, allowedTools } = served.find(({ provider }) => provider === config.provider);
      assert.deepEqual(
        [config.displayName, config.icon, config.description, config.requiredScopes, config.allowedTools],
        [displayName, icon, description, requiredScopes, allowedTools]);
      within(config.createdAt, start);
      within(config.updatedAt, start);
      assert.equal(config.mcpServers.length, 1);
      assert.equal(config.mcpServers[0].isChatAuth, true);
    }
    const sending = await prisma.authConfig.findMany({ where: { allowedTools: { has: 'SLACK_SEND_MESSAGE' } } });
    assert.deepEqual(sending.map(({ provider }) => provider), ['slack']);
    assert.equal(await prisma.authConfig.count({ where: { requiredScopes: { isEmpty: true } } }), 1); // Notion knows none
  });

  await t.test('connect and complete', async () => {
    const begun = await trpc.integrations.connect.mutate({ provider: 'github' });
    const where = { state: begun.state };
    const { createdAt, expiresAt, id, redirectUri, ...state } = await prisma.oAuthState.findUniqueOrThrow({ where });
    assert.deepEqual(state, { state: begun.state, userId: USER, provider: 'github' });
    assert.deepEqual(expiresAt, begun.expiresAt);
    within(createdAt, start);
    const { state: same, code } = await comeBack(await consent(begun.authUrl, 'Approve'));
    const { connection } = await trpc.integrations.complete.mutate({ provider: 'github', state: same, code });
    assert.equal(await prisma.oAuthState.findUnique({ where }), null);

    const row = await prisma.userConnection.findUniqueOrThrow({
      where: { userId_provider: { userId: USER, provider: 'github' } }, include: { mcpServer: { include: { authConfig: true } } } });
    assert.equal(row.status, generated.ConnectionStatus.ACTIVE);
    assert.deepEqual([row.id, row.connectedAt, row.lastSyncedAt, row.lastUsedAt],
      [connection.id, connection.connectedAt, connection.lastSyncedAt, null]);
    assert.deepEqual(row.metadata, { accountLabel: connection.accountLabel });
    assert.equal(row.composioEntityId, USER);
    assert.equal(row.mcpServer.authConfig.provider, 'github');
    within(row.connectedAt, start);
  });

  await t.test('executions with every form of JSON', async () => {
    await control(sandbox.url, 'POST', 'faults', [{ match: { path: '/tools/execute/' }, fault: { echo: true } }]);
    const sent = String.raw`{"value":[1.10,-9007199254740993,12345678901234567890,1e2,"",null,false,{"":{"__proto__":[]}},
      "é\"\\\u0000","\ud800","😀\u2028",{"a":1,"a":2},{"$json":"x"}]}`;
    const kept = String.raw`{"value":[1.10,-9007199254740993,12345678901234567890,{"$json":"1e2"},"",null,false,{"":{"__proto__":[]}},
      {"$json":"\"é\\\"\\\\\\u0000\""},{"$json":"\"\\ud800\""},"😀\u2028",{"$json":"{\"a\":1,\"a\":2}"},
      {"$json":"{\"$json\":\"x\"}"}]}`;
    const reply = await fetch(`${url}/trpc/integrations.executeTool`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token(USER)}`, 'content-type': 'application/json' },
      body: `{"provider":"github","toolName":"GITHUB_GET_THE_AUTHENTICATED_USER","idempotencyKey":"k","parameters":${sent}}`,
    });
    const { result } = await reply.json();
    await control(sandbox.url, 'DELETE', 'faults');
    const row = await prisma.toolExecution.findUniqueOrThrow({ where: { id: result.data.executionId }, include: { connection: true } });
    assert.equal(row.status, generated.ExecutionStatus.SUCCESS);
    assert.deepEqual(row.parameters, JSON.parse(kept));
    assert.deepEqual(row.response, JSON.parse(kept));
    assert.deepEqual([row.error, row.duration], [null, result.data.duration]);
    assert.deepEqual(row.executedAt, (await trpc.integrations.history.query({})).items[0].executedAt);
    within(row.executedAt, start);
    assert.deepEqual([row.connection.userId, row.connection.provider], [USER, 'github']);
    within(row.connection.lastUsedAt, start);
    const found = await prisma.toolExecution.findMany({ where: { parameters: { path: ['value', '10'], equals: '😀\u2028' } } });
    assert.deepEqual(found.map(({ id }) => id), [row.id]);
  });

  await t.test('an execution that failed has no response', async () => {
    await control(sandbox.url, 'POST', 'faults', [{ match: { path: '/tools/execute/' }, fault: { status: 500 } }]);
    await refusal(trpc.integrations.executeTool.mutate(
      { provider: 'github', toolName: 'GITHUB_CREATE_AN_ISSUE', parameters: { owner: 'o', repo: 'r', title: 't' } }));
    await control(sandbox.url, 'DELETE', 'faults');
    const [row, ...more] = await prisma.toolExecution.findMany({ where: { status: 'FAILED', response: { equals: Prisma.DbNull } } });
    assert.deepEqual(more, []);
    assert.deepEqual([row.toolName, row.parameters], ['GITHUB_CREATE_AN_ISSUE', { owner: 'o', repo: 'r', title: 't' }]);
    assert.match(row.error, /./);
  });

  await t.test('disconnect', async () => {
    await trpc.integrations.disconnect.mutate({ provider: 'github' });
    const [row] = await prisma.userConnection.findMany({ where: { userId: USER }, include: { toolExecutions: true } });
    assert.equal(row.status, generated.ConnectionStatus.REVOKED);
    assert.equal(row.toolExecutions.length, 2);
    assert.ok(row.updatedAt > row.connectedAt);
  });

  await t.test('every model can be read', async () => {
    await trpc.integrations.connect.mutate({ provider: 'slack' });
    const passing = ['CleanupJob', 'OpenExecution', 'WebhookDelivery', 'WebhookSubscription']; // may have no rows now
    for (const name of Object.keys(Prisma.ModelName)) {
      const rows = await prisma[name[0].toLowerCase() + name.slice(1)].findMany({ take: 10 });
      assert.ok(rows.length > 0 || passing.includes(name), name);
    }
  });
});

test('what Prisma Client wrote, by Tenon, in a database that Prisma Migrate made', async (t) => {
  const start = new Date();
  const place = await installation(sandbox.url, { migrated: false });
  const deployed = await service(place).deploy();
  assert.equal(deployed.code, 0, deployed.text);
  const migrated = await run('migrate', [], place);
  assert.equal(migrated.stdout, 'the database is up to date\n', migrated.stderr);
  const { trpc, prisma } = await beside(place, ofAnotherRole(place.database));

  const tool = 'GMAIL_FETCH_EMAILS';
  const lists = { requiredScopes: ['a "quoted" one', 'b,c', '{}', '\\', 'é', ''], allowedTools: ['GMAIL_GET_PROFILE', tool] };
  const config = await prisma.authConfig.create({ data: { provider: 'gmail', composioAuthId: 'ac_sandbox_gmail', displayName: 'Mail', ...lists } });
  const server = await prisma.mCPServer.create({ data: { composioServerId: 'mcp_prisma', name: 'Mail', authConfig: { connect: { id: config.id } } } });
  const connectedAt = new Date('2026-02-03T04:05:06.007Z');
  const connection = await prisma.userConnection.create({ data: {
    userId: USER, mcpServerId: server.id, provider: 'gmail', composioAccountId: 'ca_before', composioEntityId: USER, status: 'ACTIVE',
    connectedAt, metadata: { accountLabel: 'user-1@example.com', more: [1.5, null, { a: ['b'] }] } } });
  const served = async () => (await trpc.integrations.status.query({ provider: 'gmail' })).connection;
  const execute = () => trpc.integrations.executeTool.mutate({ provider: 'gmail', toolName: tool, parameters: { query: 'invoice' } });

  await t.test('list: lists, nothing for NULL, the times', async () => {
    const { connection: shown, ...gmail } = (await trpc.integrations.list.query()).find(({ provider }) => provider === 'gmail');
    assert.deepEqual(gmail, { provider: 'gmail', displayName: 'Mail', icon: null, description: null, ...lists });
    assert.deepEqual([shown.id, shown.status, shown.accountLabel, shown.connectedAt, shown.lastUsedAt],
      [connection.id, 'ACTIVE', 'user-1@example.com', connectedAt, null]);
    within(connection.createdAt, start);
    within(config.updatedAt, start);
  });

  await t.test('executeTool: on that account; the rest of the row is left as it is', async () => {
    assert.equal((await execute()).status, 'SUCCESS');
    const row = await prisma.userConnection.findUniqueOrThrow({ where: { id: connection.id }, include: { toolExecutions: true } });
    assert.deepEqual([row.connectedAt, row.createdAt, row.metadata], [connectedAt, connection.createdAt, connection.metadata]);
    assert.deepEqual(row.lastUsedAt, (await served()).lastUsedAt);
    within(row.updatedAt, connection.updatedAt);
    assert.deepEqual(row.toolExecutions.map(({ parameters }) => parameters), [{ query: 'invoice' }]);
  });

  await t.test('every status', async () => {
    const reasons = { PENDING: 'NOT_CONNECTED', ACTIVE: null, INACTIVE: 'RECONNECT_REQUIRED', FAILED: 'NOT_CONNECTED', REVOKED: 'NOT_CONNECTED' };
    assert.deepEqual(Object.keys(reasons), Object.values(generated.ConnectionStatus));
    for (const [status, reason] of Object.entries(reasons)) {
      await prisma.userConnection.update({ where: { id: connection.id }, data: { status } });
      const { connected, connection: shown } = await trpc.integrations.status.query({ provider: 'gmail' });
      assert.deepEqual([connected, shown.status], [status === 'ACTIVE', status]);
      if (reason === null) assert.equal((await execute()).status, 'SUCCESS');
      else assert.equal((await refusal(execute())).data.reason, reason);
    }
    await prisma.userConnection.update({ where: { id: connection.id }, data: { status: 'ACTIVE' } });
  });

  await t.test('a tool that is no longer allowed', async () => {
    await prisma.authConfig.update({ where: { id: config.id }, data: { allowedTools: { set: ['GMAIL_GET_PROFILE'] } } });
    assert.equal((await refusal(execute())).data.reason, 'TOOL_NOT_ALLOWED');
    await prisma.authConfig.update({ where: { id: config.id }, data: { allowedTools: { push: tool } } });
    assert.equal((await execute()).status, 'SUCCESS');
  });

  await t.test('history: executions of others', async () => {
    const data = { connectionId: connection.id, toolName: 'OF_ANOTHER_SERVICE', parameters: { n: 1 } };
    const first = await prisma.toolExecution.create({ data: { ...data, status: 'SUCCESS', response: { ok: true }, duration: 12 } });
    const second = await prisma.toolExecution.create({ data });
    const earlier = await prisma.toolExecution.create({ data: { ...data, status: 'FAILED', error: 'no', executedAt: connectedAt } });
    const { items } = await trpc.integrations.history.query({ toolName: 'OF_ANOTHER_SERVICE' });
    const expected = [second, first, earlier].map(({ id, toolName, status, error, executedAt, duration }) =>
      ({ executionId: id, provider: 'gmail', toolName, status, error, executedAt, duration }));
    // Those of one millisecond are in the order of their ids.
    const order = (a, b) => b.executedAt - a.executedAt || (a.executionId < b.executionId ? 1 : -1);
    assert.deepEqual(items, expected.sort(order));
    within(first.executedAt, start);
    assert.deepEqual([second.status, second.duration, earlier.executedAt], ['PENDING', null, connectedAt]);
  });

  await t.test('a state without the attempt that Tenon keeps with it completes nothing', async () => {
    const state = await prisma.oAuthState.create({ data: { state: 's'.repeat(43), userId: USER, provider: 'gmail',
      redirectUri: 'https://app.example.com', expiresAt: new Date(Date.now() + 600_000) } });
    within(state.createdAt, start);
    const { data } = await refusal(trpc.integrations.complete.mutate({ provider: 'gmail', state: state.state, code: 'c'.repeat(43) }));
    assert.equal(data.reason, 'STATE_INVALID');
    assert.equal((await served()).status, 'ACTIVE');
  });
});
