/* kill -9 at any moment: what was acknowledged is there after the restart, the flow goes on, and of executions none is
 * without a record, none recorded as done that was not, none done twice. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, startSandbox, startServe, tempDir } from '../harness.mjs';
import { change, client, connect, generator, installation, rows, startTenon, token, until } from './flow.mjs';

const ROUNDS = 25;
const PROVIDERS = ['gmail', 'slack', 'github'];
const TOOL = { gmail: 'GMAIL_FETCH_EMAILS', slack: 'SLACK_FETCH_CONVERSATION_HISTORY', github: 'GITHUB_GET_THE_AUTHENTICATED_USER' };
const PARAMETERS = { gmail: { max_results: 1 }, slack: { channel: 'general' }, github: {} };
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

const { random } = generator(seed);

/** What calls at a server that was killed came to. Now and then Node's fetch never settles then, and keeps nothing alive that
 * one could wait for: such a call was cut off, too. */
async function ends(calls) {
  let timer;
  const lost = new Promise((resolve) => { timer = setTimeout(() => resolve(new Error('fetch never settled')), 20_000); });
  try {
    return await Promise.all(calls.map((call) => Promise.race([call, lost])));
  } finally {
    clearTimeout(timer);
  }
}

/** Drive one user's flow until the server is gone; `known` holds what was acknowledged. */
async function drive(url, user, known) {
  const trpc = client(url, token(user));
  for (;;) {
    const provider = PROVIDERS[Math.floor(random() * PROVIDERS.length)];
    const key = `${user} ${provider}`;
    if (random() < 0.2) {
      known.connections.delete(key); // until it is acknowledged, either is right
      await trpc.integrations.disconnect.mutate({ provider });
      known.connections.set(key, false);
    } else {
      if (known.connections.get(key) !== true) {
        known.connections.delete(key);
        await connect(trpc, provider);
        known.connections.set(key, true);
      }
      const result = await trpc.integrations.executeTool.mutate(
        { provider, toolName: TOOL[provider], parameters: PARAMETERS[provider] });
      known.executions.push(result);
    }
  }
}

function check(dir, known) {
  const found = Object.fromEntries(rows(dir, 'SELECT "userId" || \' \' || "provider" AS key, "status" FROM "UserConnection"')
    .map(({ key, status }) => [key, status]));
  for (const [key, connected] of known.connections) {
    if (connected) assert.equal(found[key], 'ACTIVE', `${key}, acknowledged as connected`);
    else assert.notEqual(found[key], 'ACTIVE', `${key}, acknowledged as disconnected`);
  }
  const executions = new Map(rows(dir, 'SELECT "id", "status", "response" FROM "ToolExecution"').map((row) => [row.id, row]));
  for (const { executionId, status, response } of known.executions) {
    const row = executions.get(executionId);
    assert.equal(row?.status, status, `execution ${executionId}`);
    assert.deepEqual(JSON.parse(row.response), response);
  }
  const twice = rows(dir, 'SELECT "userId" FROM "UserConnection" GROUP BY "userId", "provider" HAVING COUNT(*) > 1');
  assert.deepEqual(twice, []);
}

test(`kill -9 at ${ROUNDS} moments (SEED=${seed})`, async () => {
  const dir = tempDir();
  const known = { connections: new Map(), executions: [] };
  let killedAt = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const tenon = await startTenon({ dir });
    check(dir, known);
    const users = Array.from({ length: 3 }, (_, number) => drive(tenon.url, `user-${number}`, known).catch((error) => error));
    const after = 5 + random() * 250;
    await new Promise((resolve) => setTimeout(resolve, after)); // the moment itself is what is tried out
    killedAt = known.executions.length;
    await tenon.stop('SIGKILL');
    for (const error of await ends(users)) {
      assert.ok(!error.data, `refused instead of cut off: ${error.message} ${JSON.stringify(error.data)}`);
    }
  }
  assert.ok(killedAt > ROUNDS, `only ${killedAt} executions were acknowledged in all`);
  const tenon = await startTenon({ dir });
  check(dir, known);
  const trpc = client(tenon.url, token('user-0'));
  for (const provider of PROVIDERS) {
    await connect(trpc, provider);
    assert.equal((await trpc.integrations.status.query({ provider })).connected, true);
  }
  assert.deepEqual(await tenon.stop(), { code: 0, signal: null });
});

/* ---- executions ---- */

const EXECUTIONS = 1000;
const USERS = 4;
const AT_ONCE = 8; // of each user

/** What one user says, until the server is gone: each thing once, every other under a key of its own. */
async function say(trpc, user, told) {
  for (;;) {
    const text = `${user} says ${told.size}`;
    const idempotencyKey = random() < 0.5 ? text : undefined;
    const entry = { user, text, idempotencyKey };
    told.set(text, entry);
    entry.result = await trpc.integrations.executeTool.mutate(
      { provider: 'slack', toolName: 'SLACK_SEND_MESSAGE', parameters: { channel: 'general', text }, idempotencyKey });
  }
}

test(`kill -9 around ${EXECUTIONS} executions (SEED=${seed})`, async () => {
  const sandboxDir = tempDir();
  const sandbox = await startSandbox({ dir: sandboxDir, args: ['--database', join(sandboxDir, 'sandbox.db')] });
  const place = await installation(sandbox.url);
  Object.assign(place.env, { EXECUTE_TIMEOUT_MS: '5000', LOG_LEVEL: 'warn' });
  assert.equal((await run('setup', [], place)).code, 0);
  const names = Array.from({ length: USERS }, (_, number) => `speaker-${number}`);
  const at = (server) => names.map((user) => client(server.url, token(user)));
  const told = new Map();
  let kills = 0;
  for (; told.size < EXECUTIONS; kills++) {
    const server = await startServe(place);
    const clients = at(server);
    if (kills === 0) for (const trpc of clients) await connect(trpc, 'slack');
    const speakers = clients.flatMap((trpc, number) =>
      Array.from({ length: AT_ONCE }, () => say(trpc, names[number], told).catch((error) => error)));
    await new Promise((resolve) => setTimeout(resolve, 20 + random() * 200)); // the moment itself is what is tried out
    await server.stop('SIGKILL');
    for (const error of await ends(speakers)) {
      assert.ok(!error.data, `refused instead of cut off: ${error.message} ${JSON.stringify(error.data)}`);
    }
  }

  /* As after some minutes: the reconciler closes what is overdue. */
  const sql = (text) => rows(place.dir, text, place.database);
  const pending = () => sql(`SELECT "id" FROM "ToolExecution" WHERE "status" = 'PENDING'`);
  const cut = pending().length;
  change(place.database, `DELETE FROM "Lease"; UPDATE "OpenExecution" SET "closeAt" = '2026-01-01T00:00:00.000Z'`);
  const server = await startServe(place);
  await until('what was cut off is closed', () => pending().length === 0);
  assert.ok(cut > 0, `of ${told.size} executions and ${kills} kills none was cut off`);

  const said = new Map();
  const look = () => {
    said.clear();
    for (const { text } of rows(sandboxDir, `SELECT json_extract("body", '$.text') AS text FROM "thing" WHERE "kind" = 'message'`,
      join(sandboxDir, 'sandbox.db'))) said.set(text, (said.get(text) ?? 0) + 1);
  };
  const records = () => new Map(sql(`SELECT "id", "status", "error", "parameters" FROM "ToolExecution"`)
    .map((row) => [JSON.parse(row.parameters).text, row]));
  const check = () => {
    look();
    const recorded = records();
    for (const text of told.keys()) {
      const row = recorded.get(text), times = said.get(text) ?? 0;
      assert.ok(times <= 1, `done ${times} times: ${text}`);
      assert.ok(times === 0 || row !== undefined, `done without a record: ${text}`);
      if (row?.status === 'SUCCESS') assert.equal(times, 1, `recorded, but not done: ${text}`);
      else if (row !== undefined) assert.match(row.error, /nobody knows/);
      const { result } = told.get(text);
      if (result !== undefined) assert.deepEqual([result.status, row?.id], ['SUCCESS', result.executionId], text);
    }
  };
  check();

  /* Asked again under their keys, those that ran are told, those cut off stay unknown, those that never began run now. */
  const clients = at(server);
  const recorded = records();
  for (const { user, text, idempotencyKey } of told.values()) {
    if (idempotencyKey === undefined) continue;
    const before = recorded.get(text);
    const call = clients[names.indexOf(user)].integrations.executeTool.mutate(
      { provider: 'slack', toolName: 'SLACK_SEND_MESSAGE', parameters: { channel: 'general', text }, idempotencyKey });
    const answer = await call.catch((error) => error);
    if (before?.status === 'FAILED') assert.equal(answer.data?.reason, 'OUTCOME_UNKNOWN', text);
    else assert.equal(answer.status, 'SUCCESS', `${text} ${answer.message}`);
    if (before?.status === 'SUCCESS') assert.equal(answer.executionId, before.id);
  }
  check();
  assert.deepEqual(sql(`SELECT * FROM "OpenExecution"`), []);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  await sandbox.stop();
});
