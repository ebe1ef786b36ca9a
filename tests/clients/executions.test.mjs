/* Executing beyond the ordinary: keys under which a call runs once, deadlines, callers that go away, what is recorded,
 * history. Two servers share one SQLite file; everything that is told to one holds at the other. */
import { httpBatchLink } from '@trpc/client';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { run as runVerb, startSandbox, startServe } from '../harness.mjs';
import { change, client, connect, control, installation, refusal, rows, token, until } from './flow.mjs';

let sandbox, place, servers;
before(async () => {
  sandbox = await startSandbox();
  place = await installation(sandbox.url);
  assert.equal((await runVerb('setup', [], place)).code, 0);
  servers = await Promise.all([startServe(place), startServe(place)]);
});
after(() => Promise.all([sandbox, ...servers].map((server) => server.stop())));

const sql = (text) => rows(place.dir, text, place.database);
const TOOL = { provider: 'slack', toolName: 'SLACK_SEND_MESSAGE' };
const saying = (text) => ({ ...TOOL, parameters: { channel: 'general', text } });

let users = 0;
/** A user with Slack, and a client at each of the two servers. */
async function somebody() {
  const user = `executor-${++users}`;
  const at = servers.map(({ url }) => client(url, token(user)));
  await connect(at[0], 'slack');
  const said = async () => {
    const { response } = await at[0].integrations.executeTool.mutate(
      { provider: 'slack', toolName: 'SLACK_FETCH_CONVERSATION_HISTORY', parameters: { channel: 'general', limit: 100 } });
    return response.messages.map(({ text }) => text);
  };
  const executions = () => sql(`SELECT t.* FROM "ToolExecution" t JOIN "UserConnection" c ON c."id" = t."connectionId"
    WHERE c."userId" = '${user}' AND t."toolName" = '${TOOL.toolName}' ORDER BY t."id"`);
  return { user, at, execute: (input, server = 0) => at[server].integrations.executeTool.mutate(input), said, executions };
}

/** While executions meet the fault. */
async function withFault(fault, body) {
  await control(sandbox.url, 'POST', 'faults', [{ match: { path: '/tools/execute/SLACK_SEND' }, fault }]);
  try {
    return await body();
  } finally {
    await control(sandbox.url, 'DELETE', 'faults');
  }
}
const assertReason = (error, code, reason) =>
  assert.deepEqual([error.data?.code, error.data?.reason], [code, reason], error.message);
const count = (list, item) => list.filter((entry) => entry === item).length;

/* ---- keys ---- */

test('of thirty calls at once with one key, to two servers, one runs', async () => {
  const { execute, said, executions } = await somebody();
  const results = await Promise.all(Array.from({ length: 30 }, (_, number) =>
    execute({ ...saying('once'), idempotencyKey: 'k' }, number % 2)));
  for (const result of results) assert.deepEqual(result, results[0]);
  assert.equal(results[0].status, 'SUCCESS');
  assert.deepEqual(executions().map(({ id }) => id), [results[0].executionId]);
  assert.equal(count(await said(), 'once'), 1);
});

test('a key stands for one tool and one set of parameters, and for its user alone', async () => {
  const { execute, said } = await somebody();
  const other = await somebody();
  const first = await execute({ ...saying('a'), idempotencyKey: 'k' });
  for (const input of [saying('b'), { ...saying('a'), toolName: 'SLACK_LIST_ALL_CHANNELS' }, { ...TOOL }]) {
    assertReason(await refusal(execute({ ...input, idempotencyKey: 'k' }, 1)), 'CONFLICT', 'IDEMPOTENCY_KEY_REUSED');
  }
  assert.deepEqual(await execute({ ...saying('a'), idempotencyKey: 'k' }, 1), first);
  const theirs = await other.execute({ ...saying('b'), idempotencyKey: 'k' });
  assert.notEqual(theirs.executionId, first.executionId);
  assert.equal(count(await said(), 'a'), 1);
  for (const idempotencyKey of ['', 'x'.repeat(256), 'a\0b', 7]) {
    assert.equal((await refusal(execute({ ...saying('a'), idempotencyKey }))).data.code, 'BAD_REQUEST');
  }
});

test('in one batch, too', async () => {
  const { user, said } = await somebody();
  const trpc = client(servers[1].url, token(user), { mount: '/trpc', link: httpBatchLink });
  const results = await Promise.all(Array.from({ length: 3 }, () =>
    trpc.integrations.executeTool.mutate({ ...saying('batched'), idempotencyKey: 'k' })));
  assert.equal(new Set(results.map(({ executionId }) => executionId)).size, 1);
  assert.equal(count(await said(), 'batched'), 1);
});

test('what was refused before it was sent, or certainly did not run, spends no key', async () => {
  const user = `executor-${++users}`;
  const trpc = client(servers[0].url, token(user));
  const execute = (input) => trpc.integrations.executeTool.mutate({ ...input, idempotencyKey: 'k' });
  assertReason(await refusal(execute(saying('late'))), 'PRECONDITION_FAILED', 'NOT_CONNECTED');
  await connect(trpc, 'slack');
  await withFault({ status: 429, retry_after: 120 }, async () =>
    assertReason(await refusal(execute(saying('late'))), 'TOO_MANY_REQUESTS', 'UPSTREAM_BUSY'));
  assertReason(await refusal(execute({ ...TOOL, toolName: 'SLACK_NOTHING' })), 'NOT_FOUND', 'TOOL_UNKNOWN');
  assert.equal((await execute(saying('late'))).status, 'SUCCESS');
});

/* ---- deadlines ---- */

test('a call past its own deadline: nobody knows, on every repetition', async () => {
  const { execute, executions } = await somebody();
  const input = { ...saying('slow'), timeoutMs: 150, idempotencyKey: 'k' };
  const first = await withFault({ latency_ms: 60_000 }, () => refusal(execute(input)));
  assertReason(first, 'GATEWAY_TIMEOUT', 'OUTCOME_UNKNOWN');
  const again = await refusal(execute(input, 1));
  assertReason(again, 'GATEWAY_TIMEOUT', 'OUTCOME_UNKNOWN');
  assert.equal(again.message, first.message);
  const [row, ...more] = executions();
  assert.deepEqual([row.status, row.response, row.error, more], ['FAILED', null, first.message, []]);
  assert.ok(row.duration >= 150);
  for (const timeoutMs of [0, -1, 600_001, 1.5, '10']) {
    assert.equal((await refusal(execute({ ...saying('x'), timeoutMs }))).data.code, 'BAD_REQUEST');
  }
});

test('a repetition waits for the first call, up to its own deadline', async () => {
  const { execute, said, executions } = await somebody();
  const input = { ...saying('waited for'), idempotencyKey: 'k' };
  const [first, impatient, patient] = await withFault({ latency_ms: 1500 }, async () => {
    const running = execute(input);
    await until('it is under way', () => executions().length === 1);
    return Promise.all([running, refusal(execute({ ...input, timeoutMs: 20 }, 1)), execute(input, 1)]);
  });
  assertReason(impatient, 'GATEWAY_TIMEOUT', 'STILL_RUNNING');
  assert.deepEqual(patient, first);
  assert.equal(count(await said(), 'waited for'), 1);
});

test('a caller that goes away loses its answer, not the record', async () => {
  const { user, execute, said, executions } = await somebody();
  await withFault({ latency_ms: 300 }, async () => {
    const gone = new AbortController();
    const call = fetch(`${servers[0].url}/trpc/integrations.executeTool`, {
      method: 'POST',
      signal: gone.signal,
      headers: { authorization: `Bearer ${token(user)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...saying('into the void'), idempotencyKey: 'k' }),
    });
    await until('it is under way', () => executions().length === 1);
    gone.abort();
    await assert.rejects(call);
  });
  const [row] = await until('it is recorded', () => executions()[0].status === 'PENDING' ? null : executions());
  assert.equal(row.status, 'SUCCESS');
  assert.deepEqual(await execute({ ...saying('into the void'), idempotencyKey: 'k' }, 1),
    { executionId: row.id, status: 'SUCCESS', response: JSON.parse(row.response), error: null, duration: row.duration });
  assert.equal(count(await said(), 'into the void'), 1);
});

test('what a process left unfinished when it died is closed as unknown', async () => {
  const { execute, executions } = await somebody();
  const input = { ...saying('left'), idempotencyKey: 'k' };
  const { executionId } = await execute(input);
  /* As a process leaves it that is killed before the answer; the reconciler's lease is nobody's, as after a while. */
  change(place.database, `UPDATE "ToolExecution" SET "status" = 'PENDING', "response" = NULL WHERE "id" = '${executionId}';
    INSERT INTO "OpenExecution" VALUES ('${executionId}', '2026-01-01T00:00:00.000Z'); DELETE FROM "Lease"`);
  const another = await startServe(place); // whose first turn comes at once
  await until('it is closed', () => executions()[0].status === 'FAILED');
  await another.stop();
  assert.match(executions()[0].error, /nobody knows whether the tool ran/);
  assertReason(await refusal(execute(input, 1)), 'BAD_GATEWAY', 'OUTCOME_UNKNOWN');
});

/* ---- what is recorded ---- */

const ARGUMENTS = { channel: 'general', text: 'hush', api_key: 'sk-1', nested: [{ Password: 'sk-2' }] };
for (const [RECORDING, parameters, hasResponse] of [
  ['full', ARGUMENTS, true],
  ['redacted', { ...ARGUMENTS, api_key: '[redacted]', nested: [{ Password: '[redacted]' }] }, true],
  ['metadata', null, false],
]) {
  test(`recording: ${RECORDING}`, async () => {
    const { user, executions } = await somebody();
    const server = await startServe({ ...place, env: { ...place.env, RECORDING } });
    const trpc = client(server.url, token(user));
    const result = await withFault({ echo: true }, () => trpc.integrations.executeTool.mutate({ ...TOOL, parameters: ARGUMENTS }));
    assert.deepEqual(result.response, ARGUMENTS, 'the client is given all of it');
    const [row] = executions();
    assert.equal(row.status, 'SUCCESS');
    assert.deepEqual(JSON.parse(row.parameters), parameters);
    assert.deepEqual(row.response === null ? null : JSON.parse(row.response), hasResponse ? parameters : null);
    const failed = await trpc.integrations.executeTool.mutate(
      { ...TOOL, parameters: { channel: 'no-such-channel', text: 'x' } });
    assert.equal(failed.status, 'FAILED');
    assert.equal(executions()[1].error === failed.error, RECORDING !== 'metadata');
    await server.stop();
  });
}

/* ---- history ---- */

async function all(trpc, input) {
  const items = [];
  for (let cursor; ;) {
    const page = await trpc.integrations.history.query({ ...input, cursor });
    items.push(...page.items);
    if (page.nextCursor === null) return items;
    cursor = page.nextCursor;
  }
}

test('history: pages, newest first, while more is added; filters; of the user alone', async () => {
  const { at: [trpc, other], execute, user } = await somebody();
  await connect(trpc, 'github');
  const made = [];
  for (let number = 0; number < 7; number++) made.unshift((await execute(saying(`${number}`))).executionId);
  await withFault({ latency_ms: 60_000 }, () => refusal(execute({ ...saying('slow'), timeoutMs: 50 })));
  await trpc.integrations.executeTool.mutate({ provider: 'github', toolName: 'GITHUB_GET_THE_AUTHENTICATED_USER' });

  const first = await trpc.integrations.history.query({ limit: 4 });
  assert.equal(first.items.length, 4);
  await execute(saying('between two pages'));
  const second = await other.integrations.history.query({ limit: 4, cursor: first.nextCursor });
  const both = [...first.items, ...second.items];
  assert.deepEqual(both.slice(2).map(({ executionId }) => executionId), made.slice(0, 6));
  assert.deepEqual(both.slice(0, 2).map(({ provider, status }) => [provider, status]), [['github', 'SUCCESS'], ['slack', 'FAILED']]);
  assert.match(both[1].error, /nobody knows/);
  for (const item of both) {
    assert.ok(item.executedAt instanceof Date && item.duration >= 0);
    assert.deepEqual(Object.keys(item), ['executionId', 'provider', 'toolName', 'status', 'error', 'executedAt', 'duration']);
  }

  const everything = await all(trpc, { limit: 1 });
  assert.equal(everything.length, 10);
  assert.deepEqual(await all(trpc), everything);
  assert.deepEqual(await all(trpc, { limit: 100 }), everything);
  for (const [filter, keep] of [
    [{ provider: 'github' }, ({ provider }) => provider === 'github'],
    [{ toolName: TOOL.toolName }, ({ toolName }) => toolName === TOOL.toolName],
    [{ status: 'FAILED' }, ({ status }) => status === 'FAILED'],
    [{ status: 'SUCCESS', provider: 'slack', toolName: TOOL.toolName }, ({ status, provider }) => status === 'SUCCESS' && provider === 'slack'],
    [{ provider: 'github', toolName: TOOL.toolName }, () => false],
    [{ status: 'PENDING' }, () => false],
  ]) assert.deepEqual(await all(trpc, { ...filter, limit: 3 }), everything.filter(keep), JSON.stringify(filter));

  assert.deepEqual((await client(servers[0].url, token(`not ${user}`)).integrations.history.query({ cursor: first.nextCursor })).items, []);
  assertReason(await refusal(trpc.integrations.history.query({ cursor: 'guessed' })), 'BAD_REQUEST', 'CURSOR_INVALID');
  for (const input of [{ limit: 0 }, { limit: 101 }, { status: 'success' }, { cursor: '' }, { provider: '' }]) {
    assert.equal((await refusal(trpc.integrations.history.query(input))).data.code, 'BAD_REQUEST', JSON.stringify(input));
  }
  const plain = client(servers[0].url, token(user), { mount: '/trpc', link: httpBatchLink });
  assert.equal((await plain.integrations.history.query()).items[0].executionId, everything[0].executionId);
});
