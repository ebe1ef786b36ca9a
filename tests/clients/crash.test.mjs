/* kill -9 at any moment of the flow: what was acknowledged is there after the restart, and the flow goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tempDir } from '../harness.mjs';
import { client, connect, rows, startTenon, token } from './flow.mjs';

const ROUNDS = 25;
const PROVIDERS = ['gmail', 'slack', 'github'];
const TOOL = { gmail: 'GMAIL_FETCH_EMAILS', slack: 'SLACK_FETCH_CONVERSATION_HISTORY', github: 'GITHUB_GET_THE_AUTHENTICATED_USER' };
const PARAMETERS = { gmail: { max_results: 1 }, slack: { channel: 'general' }, github: {} };
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

/* mulberry32 */
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
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
    for (const error of await Promise.all(users)) {
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
