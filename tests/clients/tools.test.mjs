/* Schemas of tools: what is told of them, what is refused by them, and what happens when Composio has others. */
import Ajv from 'ajv';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { listLiteral } from '../database.mjs';
import { client, connect, control, PROVIDERS, refusal, rows, startTenon, token, WAYS } from './flow.mjs';

let tenon, unchecked;
before(async () => {
  [tenon, unchecked] = await Promise.all([startTenon(),
    startTenon({ env: { CHECK_ARGUMENTS: 'off', TOOL_SYNC_INTERVAL_MS: '0' } })]);
});
after(() => Promise.all([tenon.stop(), unchecked.stop()]));

const upstream = async (server, slug) => (await fetch(`${server.sandboxUrl}/api/v3.1/tools/${slug}?version=latest`,
  { headers: { 'x-api-key': 'ak_sandbox_dev' } })).json();
const requests = async (server, method, path) => (await (await control(server.sandboxUrl, 'GET', 'requests')).json()).items
  .filter((request) => request.method === method && request.path.includes(path));
const executions = (server, user) => rows(server.dir, `SELECT e.* FROM "ToolExecution" e JOIN "UserConnection" c
  ON c."id" = e."connectionId" WHERE c."userId" = '${user}' ORDER BY e."id"`);

/* ---- integrations.tools ---- */

test('setup has stored every allowed tool with its version', async () => {
  const allowed = rows(tenon.dir, 'SELECT "allowedTools" FROM "AuthConfig"').flatMap((row) => JSON.parse(row.allowedTools));
  const stored = rows(tenon.dir, 'SELECT "tool", "version", "readAt" FROM "ToolSchema"');
  assert.deepEqual(stored.map((row) => row.tool).sort(), allowed.sort());
  for (const row of stored) assert.match(`${row.version} ${row.readAt}`, /^\d{8}_\d\d \d{4}-/);
});

for (const way of WAYS) {
  test(`tools, by ${way.name}: every one with the schemas that Composio has`, async () => {
    const trpc = client(tenon.url, token(`lister ${way.name}`), way);
    await connect(trpc, 'slack');
    const tools = await trpc.integrations.tools.query();
    const list = await trpc.integrations.list.query();
    assert.deepEqual([...new Set(tools.map((tool) => tool.provider))], PROVIDERS);
    for (const { provider, allowedTools } of list) {
      assert.deepEqual(tools.filter((tool) => tool.provider === provider).map((tool) => tool.toolName), allowedTools);
    }
    for (const tool of tools) {
      const there = await upstream(tenon, tool.toolName);
      assert.equal(tool.connected, tool.provider === 'slack');
      assert.deepEqual(tool, {
        provider: tool.provider, connected: tool.connected, toolName: there.slug, displayName: there.name,
        description: there.description, version: there.version,
        inputSchema: there.input_parameters, outputSchema: there.output_parameters,
      });
    }
  });
}

test('the schemas pass through byte for byte', async () => {
  const text = await (await fetch(`${tenon.url}/trpc/integrations.tools`, { headers: { authorization: `Bearer ${token('raw')}` } })).text();
  const there = await (await fetch(`${tenon.sandboxUrl}/api/v3.1/tools/GMAIL_FETCH_EMAILS`, { headers: { 'x-api-key': 'ak_sandbox_dev' } })).text();
  const [, input, output] = there.match(/"input_parameters":(\{.*\}),"output_parameters":(\{.*\}),"no_auth"/);
  assert.ok(text.includes(`"inputSchema":${input},"outputSchema":${output}}`));
});

test('tools of one provider, or by name', async () => {
  const trpc = client(tenon.url, token('chooser'));
  const names = async (input) => (await trpc.integrations.tools.query(input)).map((tool) => tool.toolName);
  assert.ok((await names({ provider: 'github' })).every((name) => name.startsWith('GITHUB_')));
  assert.deepEqual(await names({ toolNames: ['GMAIL_FETCH_EMAILS', 'GMAIL_DELETE_MESSAGE', 'NO_SUCH'] }), ['GMAIL_FETCH_EMAILS'],
    'what is not allowed is not listed');
  assert.deepEqual(await names({ provider: 'slack', toolNames: ['GMAIL_FETCH_EMAILS'] }), []);
  assert.deepEqual(await names({ toolNames: [] }), []);
  assert.equal((await refusal(trpc.integrations.tools.query({ provider: 'fax' }))).data.reason, 'PROVIDER_UNKNOWN');
  for (const toolNames of ['GMAIL_FETCH_EMAILS', [5], {}, Array(101).fill('X')]) {
    const error = await refusal(trpc.integrations.tools.query({ toolNames }));
    assert.deepEqual(Object.keys(error.data.zodError.fieldErrors), ['toolNames']);
  }
  assert.equal((await refusal(client(tenon.url).integrations.tools.query())).data.reason, 'TOKEN_MISSING');
});

/* ---- arguments ---- */

test('arguments that do not fit are refused with what is wrong; neither sent nor recorded', async () => {
  const trpc = client(tenon.url, token('misfit'));
  await connect(trpc, 'gmail');
  const run = (toolName, parameters) => trpc.integrations.executeTool.mutate({ provider: 'gmail', toolName, parameters });
  const before = (await requests(tenon, 'POST', '/tools/execute/')).length;
  for (const [parameters, expected] of [
    [{ max_results: 'five' }, /max_results: expected an integer, not a string$/],
    [{ max_results: 501 }, /max_results: must be at most 500$/],
    [{ max_results: 1.5 }, /max_results: expected an integer, not a fraction$/],
    [{ label_ids: ['INBOX', 7] }, /label_ids\[1\]: expected a string, not a number$/],
    [{ query: null, verbose: 'a secret of mine', max_results: 0 }, /\(3 problems\): query: .*; max_results: .*; verbose: /],
  ]) {
    const error = await refusal(run('GMAIL_FETCH_EMAILS', parameters));
    assert.deepEqual([error.data.code, error.data.httpStatus, error.data.reason], ['BAD_REQUEST', 400, 'ARGUMENTS_INVALID']);
    assert.match(error.message, expected);
    assert.doesNotMatch(error.message, /secret of mine|five/);
  }
  const missing = await refusal(run('GMAIL_FETCH_MESSAGE_BY_MESSAGE_ID', undefined));
  assert.match(missing.message, /missing "message_id"/);
  assert.equal((await requests(tenon, 'POST', '/tools/execute/')).length, before);
  assert.deepEqual(executions(tenon, 'misfit'), []);
  assert.equal((await run('GMAIL_FETCH_EMAILS', { max_results: 5 })).status, 'SUCCESS');
  const sent = (await requests(tenon, 'POST', '/tools/execute/GMAIL_FETCH_EMAILS')).at(-1);
  assert.equal(JSON.parse(sent.body).version, (await upstream(tenon, 'GMAIL_FETCH_EMAILS')).version);
});

/** Whole numbers from 0 to `below`, the same in every run. */
function dice(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('Ajv and Tenon agree about what fits, for every tool there is', async () => {
  const trpc = client(tenon.url, token('agreeing'));
  for (const provider of PROVIDERS) await connect(trpc, provider);
  const roll = dice(7);
  const values = ['', 'text', 0, 1, -1, 7.5, 501, 1e21, true, false, null, [], ['a'], [1], [null], {}, { a: 1 }, { id: 'x', name: 'y' }];
  const ajv = new Ajv({ strict: false, formats: {} });
  const tally = { fits: 0, not: 0 };
  for (const { provider, toolName, inputSchema } of await trpc.integrations.tools.query()) {
    const validate = ajv.compile(inputSchema);
    const names = Object.keys(inputSchema.properties);
    for (let round = 0; round < 4; round++) {
      const parameters = Object.fromEntries(names
        .filter((name) => inputSchema.required?.includes(name) ? roll(8) > 0 : roll(4) === 0)
        .map((name) => [name, inputSchema.properties[name].type === 'string' && roll(3) > 0 ? 'text' : values[roll(values.length)]]));
      const fits = validate(parameters);
      tally[fits ? 'fits' : 'not']++;
      const reason = await trpc.integrations.executeTool.mutate({ provider, toolName, parameters })
        .then(() => undefined, (error) => error.data.reason);
      assert.equal(reason, fits ? undefined : 'ARGUMENTS_INVALID', `${toolName} ${JSON.stringify(parameters)} ${ajv.errorsText(validate.errors)}`);
    }
  }
  assert.ok(tally.fits > 20 && tally.not > 20, JSON.stringify(tally));
});

test('CHECK_ARGUMENTS=off leaves it to Composio', async () => {
  const trpc = client(unchecked.url, token('unchecked'));
  await connect(trpc, 'gmail');
  const result = await trpc.integrations.executeTool.mutate(
    { provider: 'gmail', toolName: 'GMAIL_FETCH_EMAILS', parameters: { max_results: 'five' } });
  assert.equal(result.status, 'FAILED');
  assert.match(result.error, /max_results/);
});

/* ---- what became of a tool ---- */

test('a version that Composio no longer has: refused, looked up once, and right the next time', async () => {
  const trpc = client(unchecked.url, token('versions'));
  const tool = 'GITHUB_GET_THE_AUTHENTICATED_USER'; // of which no loop has a copy yet
  await connect(trpc, 'github');
  rows(unchecked.dir, `UPDATE "ToolSchema" SET "version" = '20200101_00', "askedAt" = '2026-01-01T00:00:00.000Z' WHERE "tool" = '${tool}'`);
  const run = () => trpc.integrations.executeTool.mutate({ provider: 'github', toolName: tool });
  const error = await refusal(run());
  assert.deepEqual([error.data.code, error.data.reason], ['CONFLICT', 'TOOL_CHANGED'], error.message);
  assert.match(error.message, /nothing was run; read its schema again/);
  assert.equal((await requests(unchecked, 'GET', `/tools/${tool}`)).length, 1);
  assert.equal((await requests(unchecked, 'POST', `/tools/execute/${tool}`)).length, 1, 'not sent again by itself');
  const [row] = executions(unchecked, 'versions');
  assert.deepEqual([row.status, row.error], ['FAILED', error.message]);
  /* The other loops' copies are old for some seconds; whichever answers says the same, without asking again. */
  const [now] = (await trpc.integrations.tools.query({ toolNames: [tool] }));
  assert.match(now.version, /^\d{8}_\d\d$/);
  const again = await run().then((result) => result.status, (later) => later.data.reason);
  assert.match(again, /^(SUCCESS|TOOL_CHANGED)$/);
  assert.equal((await requests(unchecked, 'GET', `/tools/${tool}`)).length, 1);
});

test('a tool that Composio renamed: refused, looked up once, and no longer listed', async () => {
  const trpc = client(unchecked.url, token('renamed'));
  await connect(trpc, 'slack');
  const [{ allowedTools }] = rows(unchecked.dir, 'SELECT "allowedTools" FROM "AuthConfig" WHERE "provider" = \'slack\'');
  const tool = 'SLACK_POST_TO_A_CHANNEL';
  rows(unchecked.dir, `UPDATE "AuthConfig" SET "allowedTools" = '${listLiteral([tool, ...JSON.parse(allowedTools)])}' WHERE "provider" = 'slack'`);
  for (let attempt = 0; attempt < 3; attempt++) {
    const error = await refusal(trpc.integrations.executeTool.mutate({ provider: 'slack', toolName: tool, parameters: {} }));
    assert.deepEqual([error.data.code, error.data.reason], ['NOT_FOUND', 'TOOL_REMOVED'], error.message);
  }
  assert.equal((await requests(unchecked, 'GET', `/tools/${tool}`)).length, 1);
  assert.deepEqual(executions(unchecked, 'renamed').map((row) => row.status), ['FAILED', 'FAILED', 'FAILED']);
  const listed = (await trpc.integrations.tools.query({ provider: 'slack' })).map((entry) => entry.toolName);
  assert.deepEqual(listed, JSON.parse(allowedTools));
});
