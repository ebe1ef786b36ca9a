/* Tool router sessions of the sandbox: the official SDK and the official MCP client at them, what their config allows and
 * on whose account they execute, and what is refused. */
import { Composio, SessionPreset, experimental_createTool } from '@composio/core';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { startSandbox, tempDir } from '../harness.mjs';
import { consent, control, refusal, until } from './flow.mjs';

const KEY = 'ak_test_sessions';
const VERSIONS = ['/api/v3.1', '/api/v3'];
const META = ['COMPOSIO_SEARCH_TOOLS', 'COMPOSIO_GET_TOOL_SCHEMAS', 'COMPOSIO_MULTI_EXECUTE_TOOL', 'COMPOSIO_MANAGE_CONNECTIONS',
  'COMPOSIO_REMOTE_WORKBENCH', 'COMPOSIO_REMOTE_BASH_TOOL'];
const DIRECT = { manage_connections: { enable: false }, workbench: { enable: false }, search: { enable: false },
  execute: { enable_multi_execute: false } };
let sandbox, composio;
before(async () => {
  sandbox = await startSandbox();
  composio = sdk(sandbox);
});
after(() => sandbox.stop());

const sdk = ({ url }) => new Composio({ apiKey: KEY, baseURL: url, allowTracking: false, disableVersionCheck: true });

/* ---- REST ---- */

const PATH = '/tool_router/session';

async function rest(method, path, body, { version = '/api/v3.1', url = sandbox.url } = {}) {
  const reply = await fetch(`${url}${version}${path}`, { method, body: body && JSON.stringify(body),
    headers: { 'x-api-key': KEY, 'content-type': 'application/json' } });
  return { status: reply.status, body: await reply.json() };
}

async function good(method, path, body, where) {
  const reply = await rest(method, path, body, where);
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body;
}

async function refused(status, code, slug, method, path, body, where) {
  const reply = await rest(method, path, body, where);
  const { error } = reply.body;
  assert.deepEqual([reply.status, error?.code, error?.slug], [status, code, slug], JSON.stringify(reply.body));
  return error;
}

const invalid = (...request) => refused(400, 4300, 'ToolRouterV2_BadRequest', ...request);

const create = (user, config, where) => good('POST', PATH, { user_id: user, ...config }, where);
const at = (session, rest_ = '') => `${PATH}/${session.session_id}${rest_}`;
const execute = (session, slug, parameters, account) =>
  good('POST', at(session, '/execute'), { tool_slug: slug, arguments: parameters, account });

/** An ACTIVE account. */
async function connected(user, given = {}, where) {
  const link = await good('POST', '/connected_accounts/link', { auth_config_id: 'ac_sandbox_gmail', user_id: user, ...given }, where);
  await consent(link.redirect_url, 'Approve');
  return link.connected_account_id;
}

const badPin = (body) => refused(400, 10400, 'ToolRouterV2_InvalidConnectedAccountIds', 'POST', PATH, body);

const mail = (subject) => ({ recipient_email: 'ada@example.com', subject, body: 'Dear Ada' });

/** The subjects of what was sent from an account, by REST without a session. */
async function subjects(user, account) {
  const { data } = await good('POST', '/tools/execute/GMAIL_FETCH_EMAILS', { user_id: user, connected_account_id: account,
    version: 'latest', arguments: { query: 'in:sent', max_results: 50 } });
  return data.messages.map((message) => message.subject).filter((subject) => subject.startsWith('To ')).sort();
}

/* ---- MCP ---- */

async function client(t, { mcp: { url } }) {
  const mcp = new Client({ name: 'tenon-tests', version: '1.0.0' });
  await mcp.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { 'x-api-key': KEY } } }));
  t.after(() => mcp.close());
  return mcp;
}

async function called(mcp, name, parameters) {
  const { content, isError } = await mcp.callTool({ name, arguments: parameters });
  return { ...JSON.parse(content[0].text), isError };
}

/* ---- the SDK ---- */

test('the SDK: create, connect, search, execute, use again, update, delete', async () => {
  const session = await composio.create('sdk user', { toolkits: ['gmail', 'slack'] });
  assert.match(session.sessionId, /^trs_/);
  assert.equal(session.configVersion, 1);
  assert.equal(session.mcp.url, `${sandbox.url}/tool_router/${session.sessionId}/mcp`);
  assert.match(session.experimental.assistivePrompt, /COMPOSIO_SEARCH_TOOLS/);

  const before_ = await session.toolkits();
  assert.deepEqual(before_.items.map((item) => [item.slug, item.connection.isActive]), [['gmail', false], ['slack', false]]);
  const request = await session.authorize('gmail', { callbackUrl: 'http://127.0.0.1/back?x=1' });
  const back = new URL(await consent(request.redirectUrl, 'Approve'));
  assert.deepEqual(Object.fromEntries(back.searchParams), { x: '1', status: 'success', connected_account_id: request.id });
  assert.equal((await request.waitForConnection(10_000)).status, 'ACTIVE');
  const { items } = await session.toolkits({ isConnected: true });
  assert.deepEqual(items.map((item) => [item.slug, item.connection.connectedAccount.id]), [['gmail', request.id]]);

  const found = await session.search({ query: 'send an email with gmail' });
  assert.equal(found.success, true);
  assert.ok(found.results[0].primaryToolSlugs.includes('GMAIL_SEND_EMAIL'), JSON.stringify(found.results));
  assert.equal(found.toolSchemas.GMAIL_SEND_EMAIL.inputSchema.type, 'object');
  assert.equal(found.toolkitConnectionStatuses.find((status) => status.toolkit === 'gmail').hasActiveConnection, true);

  const sent = await session.execute('GMAIL_SEND_EMAIL', mail('To be found'));
  assert.deepEqual([sent.error, typeof sent.data.id], [null, 'string']);
  assert.match(sent.logId, /^log_/);
  assert.deepEqual(await subjects('sdk user', request.id), ['To be found']);
  assert.match((await session.execute('GMAIL_SEND_EMAIL', {})).error, /missing|recipient/i, 'the provider\'s refusal is a result');

  const again = await composio.use(session.sessionId);
  await again.update({ toolkits: { disable: ['slack'] }, manageConnections: { waitForConnections: true } });
  assert.equal(again.configVersion, 2);
  const tools = await again.tools();
  assert.deepEqual(tools.map((tool) => tool.function.name).sort(), [...META, 'COMPOSIO_WAIT_FOR_CONNECTIONS'].sort());
  await again.delete();
  assert.match((await refusal(composio.use(session.sessionId))).message, /not found/);
  await refusal(again.delete());
});

test('the SDK\'s direct tools preset: the preloaded tools and no meta tools', async () => {
  const session = await composio.create('direct user', { toolkits: ['gmail'], tools: { gmail: ['GMAIL_FETCH_EMAILS', 'GMAIL_SEND_EMAIL'] },
    preload: { tools: 'all' }, manageConnections: false, sandbox: { enable: false }, sessionPreset: SessionPreset.DIRECT_TOOLS });
  const tools = await session.tools();
  assert.deepEqual(tools.map((tool) => tool.function.name).sort(), ['GMAIL_FETCH_EMAILS', 'GMAIL_SEND_EMAIL']);
});

test('the SDK\'s custom tools: named by the sandbox, found, run in the app, kept nowhere', async () => {
  const greet = experimental_createTool('GREET', { name: 'Greet a visitor', description: 'Say welcome to a visitor by name',
    inputParams: z.object({ who: z.string() }), execute: async ({ who }) => ({ text: `Welcome, ${who}` }) });
  const session = await composio.create('custom user', { experimental: { customTools: [greet] } });
  assert.deepEqual((await session.execute('GREET', { who: 'Ada' })).data, { text: 'Welcome, Ada' });
  const found = await session.search({ query: 'welcome a visitor' });
  assert.deepEqual(found.results[0].primaryToolSlugs[0], 'LOCAL_GREET');
  const attached = await composio.use(session.sessionId, { customTools: [greet] });
  assert.equal((await attached.execute('LOCAL_GREET', { who: 'Bob' })).data.text, 'Welcome, Bob');
  const { body } = await rest('GET', `${PATH}/${session.sessionId}`);
  assert.ok(!JSON.stringify(body).includes('GREET'));
});

test('the SDK\'s files: upload, list, download, delete', async () => {
  const { experimental: { files }, sessionId } = await composio.create('files user');
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256));
  const path = { mount_relative_path: 'out/a.bin' };
  const upload = await good('POST', `${PATH}/${sessionId}/mounts/files/upload_url`, { ...path, mimetype: 'image/png' });
  const put = () => fetch(upload.upload_url, { method: 'PUT', body: bytes });
  assert.equal((await put()).status, 200);
  assert.equal((await put()).status, 403, 'an upload URL is used once');
  const { items } = await files.list({ path: 'out/' });
  assert.deepEqual(items.map((item) => [item.mountRelativePath, item.sandboxMountPrefix, item.size]), [['out/a.bin', '/mnt/files', 1000]]);
  const remote = await files.download('/out/a.bin');
  const got = await fetch(remote.downloadUrl);
  assert.deepEqual([got.headers.get('content-type'), got.headers.get('content-security-policy')], ['image/png', 'sandbox']);
  assert.deepEqual(Buffer.from(await got.arrayBuffer()), bytes);
  await files.delete('out/a.bin');
  await files.delete('out/a.bin');
  assert.equal((await fetch(remote.downloadUrl)).status, 403);
  assert.deepEqual((await files.list()).items, []);
  await refused(404, 10404, 'ToolRouterV2_FileNotFound', 'POST', `${PATH}/${sessionId}/mounts/files/download_url`, path);
  await refused(404, 10404, 'ToolRouterV2_FileNotFound', 'GET', `${PATH}/${sessionId}/mounts/other/items`);
  for (const mimetype of ['text', 'text/html\r\nset-cookie: a', 'text/é']) {
    await invalid('POST', `${PATH}/${sessionId}/mounts/files/upload_url`, { ...path, mimetype });
  }
  for (const bad of ['..', 'a/../../b', '/', 'a//b', 'x'.repeat(600)]) {
    await invalid('POST', `${PATH}/${sessionId}/mounts/files/upload_url`, { mount_relative_path: bad });
  }
});

test('URLs of files live as long as the project says', async (t) => {
  const own = await startSandbox();
  t.after(() => own.stop());
  await good('PATCH', '/org/project/config', { signed_url_file_expiry_in_seconds: 60 }, own);
  const session = await create('brief', {}, own);
  const made = () => good('POST', at(session, '/mounts/files/upload_url'), { mount_relative_path: 'a' }, own);
  const put = ({ upload_url: url }) => fetch(url, { method: 'PUT', body: 'x' });
  assert.equal((await put(await made())).status, 200);
  const late = await made();
  await control(own.url, 'POST', 'clock', { advance_seconds: 61 });
  assert.equal((await put(late)).status, 403);
});

/* ---- config ---- */

test('config: `enable` is `enabled`, defaults are written out, a patch keeps what it does not name', async () => {
  const session = await create('config user', { toolkits: { enable: ['GMAIL', 'slack'] },
    tools: { slack: { disable: ['slack_send_message'] }, gmail: { tags: ['readOnlyHint'] } },
    tags: { disable: ['destructiveHint'] }, manage_connections: { callback_url: 'https://app.example/cb' },
    workbench: { enable_proxy_execution: false, auto_offload_threshold: 100 }, preload: { tools: ['GMAIL_FETCH_EMAILS'] } });
  const config = { user_id: 'config user', toolkits: { enabled: ['gmail', 'slack'] },
    manage_connections: { callback_url: 'https://app.example/cb', enabled: true, enable_wait_for_connections: false,
      enable_connection_removal: true },
    tools: { slack: { disabled: ['SLACK_SEND_MESSAGE'] }, gmail: { tags: { enabled: ['readOnlyHint'] } } },
    tags: { disabled: ['destructiveHint'] },
    workbench: { enable: true, proxy_execution_enabled: false, auto_offload_threshold: 100, sandbox_size: 'standard' },
    preload: { tools: ['GMAIL_FETCH_EMAILS'] }, search: { enable: true }, execute: { enable_multi_execute: true } };
  assert.deepEqual(session.config, config);
  assert.deepEqual([session.config_version, session.mcp.type, session.warnings], [1, 'http', []]);
  assert.deepEqual(session.tool_router_tools, [...META, 'GMAIL_FETCH_EMAILS']);

  const patched = await good('PATCH', at(session), { manage_connections: { enable_wait_for_connections: true }, tools: {}, search: { enable: false } });
  const expected = { ...config, tools: {}, search: { enable: false },
    manage_connections: { ...config.manage_connections, enable_wait_for_connections: true } };
  assert.deepEqual([patched.config, patched.config_version], [expected, 2]);
  assert.deepEqual(patched, await good('GET', at(session)));
  const reset = await good('PATCH', at(session), { manage_connections: null, workbench: null });
  assert.deepEqual(reset.config.manage_connections, { enabled: true, enable_wait_for_connections: false, enable_connection_removal: true });
  assert.equal(reset.config.workbench.proxy_execution_enabled, true);

  const history = await good('GET', at(session, '/config_history?limit=2'));
  assert.deepEqual(history.items.map((item) => [item.version, item.is_current]), [[3, true], [2, false]]);
  assert.deepEqual(history.items[1].config, expected);
  const older = await good('GET', at(session, `/config_history?cursor=${history.next_cursor}`));
  assert.deepEqual(older.items.map((item) => [item.version, item.is_current, item.config]), [[1, false, config]]);
  assert.deepEqual([older.next_cursor, older.total_items], [null, 3]);
  await invalid('PATCH', at(session), { user_id: 'somebody' });
});

test('concurrent patches: each either counts or is told 409, and none is lost', async () => {
  const session = await create('racer', {});
  const replies = await Promise.all(Array.from({ length: 20 }, (_, i) =>
    rest('PATCH', at(session), { workbench: { auto_offload_threshold: i + 1 } })));
  const won = replies.filter((reply) => reply.status === 200);
  assert.ok(won.length > 0);
  for (const { status, body } of replies) assert.ok(status === 200 || (status === 409 && body.error.slug === 'HTTP_Conflict'), String(status));
  const { config, config_version: version } = await good('GET', at(session));
  assert.equal(version, 1 + won.length);
  const { items } = await good('GET', at(session, '/config_history?limit=100'));
  const seen = (body) => [body.config_version ?? body.version, body.config.workbench.auto_offload_threshold];
  assert.deepEqual(items.slice(0, -1).map(seen), won.map((reply) => seen(reply.body)).sort(([a], [b]) => b - a));
  assert.deepEqual(config, items[0].config);
});

test('the two versions: pins are arrays in v3.1 and ids in v3, which has no attach and no history', async () => {
  const account = await connected('versions');
  const [pins, pin] = [{ gmail: [account] }, { gmail: account }];
  const newer = await create('versions', { connected_accounts: pins });
  const older = await create('versions', { connected_accounts: pin }, { version: '/api/v3' });
  assert.deepEqual([newer.config.connected_accounts, older.config.connected_accounts], [pins, pin]);
  assert.deepEqual((await good('GET', at(newer), undefined, { version: '/api/v3' })).config.connected_accounts, pin);
  assert.deepEqual((await good('GET', at(older))).config.connected_accounts, pins);
  for (const [version, given] of [['/api/v3.1', pin], ['/api/v3', pins]]) {
    await invalid('POST', PATH, { user_id: 'versions', connected_accounts: given }, { version });
  }
  assert.equal((await good('POST', at(newer, '/attach'), {})).session_id, newer.session_id);
  await refused(404, 10404, 'HTTP_NotFound', 'POST', at(newer, '/attach'), {}, { version: '/api/v3' });
  await refused(404, 10404, 'HTTP_NotFound', 'GET', at(newer, '/config_history'), undefined, { version: '/api/v3' });
  for (const version of VERSIONS) {
    const run = { tool_slug: 'GMAIL_FETCH_EMAILS', arguments: { max_results: 1 } };
    const { data, error, ...more } = await good('POST', at(older, '/execute'), run, { version });
    assert.deepEqual([data.messages.length, error, Object.keys(more)], [1, null, ['log_id']]);
  }
});

const other = 'somebody else';
for (const [what, code, slug, config] of [
  ['an unknown toolkit', 10400, 'ToolRouterV2_InvalidToolkitSlugs', { toolkits: { enable: ['gmail', 'nonesuch'] } }],
  ['both lists of toolkits', 4300, 'ToolRouterV2_BadRequest', { toolkits: { enable: ['gmail'], disable: ['slack'] } }],
  ['toolkits with an unknown key', 4300, 'ToolRouterV2_BadRequest', { toolkits: { enabled: ['gmail'] } }],
  ['toolkits null', 4300, 'ToolRouterV2_BadRequest', { toolkits: null }],
  ['toolkits of numbers', 10400, 'ToolRouterV2_InvalidToolkitSlugs', { toolkits: { enable: [1] } }],
  ['an auth config that is none', 10400, 'ToolRouterV2_InvalidAuthConfigIds', { auth_configs: { gmail: 'ac_none' } }],
  ['an auth config of another toolkit', 10400, 'ToolRouterV2_InvalidAuthConfigIds', { auth_configs: { gmail: 'ac_sandbox_slack' } }],
  ['tools of an unknown toolkit', 10400, 'ToolRouterV2_InvalidToolkitSlugs', { tools: { nonesuch: { enable: [] } } }],
  ['a tool of another toolkit', 4300, 'ToolRouterV2_BadRequest', { tools: { gmail: { enable: ['SLACK_SEND_MESSAGE'] } } }],
  ['tools by list and tags', 4300, 'ToolRouterV2_BadRequest', { tools: { gmail: { enable: [], tags: [] } } }],
  ['an unknown tag', 4300, 'ToolRouterV2_BadRequest', { tags: ['importantHint'] }],
  ['pins that are empty', 4300, 'ToolRouterV2_BadRequest', { connected_accounts: { gmail: [] } }],
  ['a pin that is none', 10400, 'ToolRouterV2_InvalidConnectedAccountIds', { connected_accounts: { gmail: ['ca_none'] } }],
  ['preload of everything', 4300, 'ToolRouterV2_BadRequest', { preload: { tools: 'all' } }],
  ['preload of what is not allowed', 4300, 'ToolRouterV2_BadRequest',
    { toolkits: { disable: ['gmail'] }, preload: { tools: ['GMAIL_FETCH_EMAILS'] } }],
  ['preload of an unknown tool', 4300, 'ToolRouterV2_BadRequest', { preload: { tools: ['GMAIL_NONE'] } }],
  ['a callback that is no URL', 4300, 'ToolRouterV2_BadRequest', { manage_connections: { callback_url: 'javascript:alert(1)' } }],
  ['a switch that is a text', 4300, 'ToolRouterV2_BadRequest', { search: { enable: 'yes' } }],
  ['a workbench of no size', 4300, 'ToolRouterV2_BadRequest', { workbench: { sandbox_size: 'tiny' } }],
  ['a threshold of 0', 4300, 'ToolRouterV2_BadRequest', { workbench: { auto_offload_threshold: 0 } }],
  ['too many accounts', 4300, 'ToolRouterV2_BadRequest', { multi_account: { enable: true, max_accounts_per_toolkit: 11 } }],
  ['permissions that are none', 4300, 'ToolRouterV2_BadRequest', { experimental: { permissions: { default: 'maybe' } } }],
  ['a custom toolkit that is Composio\'s', 4300, 'ToolRouterV2_BadRequest',
    { experimental: { custom_toolkits: [{ slug: 'gmail', name: 'x', description: 'x', tools: [] }] } }],
  ['a custom tool without properties', 4300, 'ToolRouterV2_BadRequest',
    { experimental: { custom_tools: [{ slug: 'X', name: 'x', description: 'x', input_schema: { type: 'object' } }] } }],
]) {
  test(`refused on create and patch: ${what}`, async () => {
    await refused(400, code, slug, 'POST', PATH, { user_id: 'refused', ...config });
    const session = await create('refused', {});
    await refused(400, code, slug, 'PATCH', at(session), config);
    assert.equal((await good('GET', at(session))).config_version, 1);
  });
}

test('refused: a session without a user, one that is none, permissions that ask', async () => {
  await refused(400, 10400, 'HTTP_BadRequest', 'POST', PATH, { user_id: '' });
  for (const version of VERSIONS) {
    await refused(404, 10404, 'ToolRouterV2_SessionNotFound', 'GET', `${PATH}/trs_none`, undefined, { version });
  }
  const asking = { user_id: 'asked', experimental: { permissions: { default: 'ask_every_call' } } };
  await refused(501, 10501, 'HTTP_NotImplemented', 'POST', PATH, asking);
});

/* ---- what is allowed ---- */

test('lists of a toolkit go before tags, its tags before those of the session', async () => {
  const whole = { ...DIRECT, preload: { tools: 'all' }, toolkits: { enable: ['gmail'] } };
  const shown = async (config) => (await create('rules', { ...whole, ...config })).tool_router_tools;
  const all = await shown({});
  const hints = async (hint) => (await good('GET', '/tools?toolkit_slug=gmail&limit=100')).items.filter((tool) => tool.tags.includes(hint))
    .map((tool) => tool.slug).sort();
  const reading = await hints('readOnlyHint');
  assert.ok(reading.length > 0 && reading.length < all.length);
  assert.deepEqual((await shown({ tags: ['readOnlyHint'] })).sort(), reading);
  assert.deepEqual((await shown({ tags: { disable: ['readOnlyHint'] } })).sort(), all.filter((slug) => !reading.includes(slug)).sort());
  assert.deepEqual(await shown({ tags: ['readOnlyHint'], tools: { gmail: { enable: ['GMAIL_SEND_EMAIL'] } } }), ['GMAIL_SEND_EMAIL']);
  assert.deepEqual((await shown({ tags: ['destructiveHint'], tools: { gmail: { tags: ['readOnlyHint'] } } })).sort(), reading);
  assert.deepEqual(await shown({ tools: { gmail: { disable: ['GMAIL_SEND_EMAIL'] } } }), all.filter((slug) => slug !== 'GMAIL_SEND_EMAIL'));
  const many = await create('rules', { tags: ['readOnlyHint', 'destructiveHint', 'openWorldHint'], preload: { tools: 'all' } });
  assert.deepEqual(many.warnings.map((warning) => warning.code), ['PRELOAD_TOOLS_HIGH_CONTEXT_USAGE']);
  const one = await create('rules', { preload: { tools: ['GMAIL_SEND_EMAIL'] } });
  const { items, total_items: total } = await good('GET', at(one, '/tools?limit=3'));
  assert.deepEqual([items.map((tool) => tool.slug), total], [META.slice(0, 3), META.length + 1]);
});

test('what the session does not allow is refused, whichever way', async (t) => {
  await connected('allowed');
  const session = await create('allowed', { tools: { gmail: { enable: ['GMAIL_FETCH_EMAILS'] } }, workbench: { enable: false } });
  const run = (slug, path = '/execute', name = 'tool_slug') => [at(session, path), { [name]: slug, arguments: {} }];
  for (const slug of ['GMAIL_SEND_EMAIL', 'GMAIL_NONE', 'COMPOSIO_WAIT_FOR_CONNECTIONS', 'COMPOSIO_REMOTE_BASH_TOOL']) {
    await refused(404, 4301, 'ToolRouterV2_ToolNotFound', 'POST', ...run(slug));
  }
  await refused(404, 3703, 'ComposioTools_ToolNotFound', 'POST', ...run('GMAIL_FETCH_EMAILS', '/execute_meta', 'slug'));
  await refused(400, 3702, 'ComposioTools_ValidationError', 'POST', ...run('COMPOSIO_SEARCH_TOOLS', '/execute_meta', 'slug'));
  const mcp = await client(t, session);
  await refusal(mcp.callTool({ name: 'GMAIL_SEND_EMAIL', arguments: mail('x') }));
  const { data } = await called(mcp, 'COMPOSIO_MULTI_EXECUTE_TOOL', { sync_response_to_workbench: false, tools: [
    { tool_slug: 'GMAIL_SEND_EMAIL', arguments: mail('x') }, { tool_slug: 'COMPOSIO_SEARCH_TOOLS', arguments: {} },
    { tool_slug: 'GMAIL_FETCH_EMAILS', arguments: { max_results: 1 } }] });
  assert.deepEqual(data.results.map((one) => [one.index, one.error === null]), [[0, false], [1, false], [2, true]]);
  assert.deepEqual([data.total_count, data.success_count, data.error_count], [3, 1, 2]);
  const slugs = { tool_slugs: ['GMAIL_SEND_EMAIL', 'GMAIL_FETCH_EMAILS'] };
  const { data: { not_found: missing } } = await called(mcp, 'COMPOSIO_GET_TOOL_SCHEMAS', slugs);
  assert.deepEqual(missing, ['GMAIL_SEND_EMAIL']);
  await good('PATCH', at(session), { search: { enable: false } });
  await invalid('POST', at(session, '/search'), { queries: [{ use_case: 'read email' }] });
});

test('what would need a machine to run code says so', async (t) => {
  const session = await create('coder', {});
  const bash = { slug: 'COMPOSIO_REMOTE_BASH_TOOL', arguments: { command: 'id' } };
  const error = await refused(501, 10501, 'HTTP_NotImplemented', 'POST', at(session, '/execute_meta'), bash);
  assert.match(error.message, /no machine that runs code/);
  const answer = await called(await client(t, session), 'COMPOSIO_REMOTE_WORKBENCH', { code_to_execute: '1' });
  assert.deepEqual([answer.isError, answer.data.status_code], [true, 501]);
});

/* ---- on whose account ---- */

test('accounts: the pinned one exactly, else the newest ACTIVE; never another user\'s', async () => {
  const [first, second] = [await connected('owner'), await connected('owner')];
  const theirs = await connected(other);
  const pinned = await create('owner', { connected_accounts: { gmail: [first] } });
  const free = await create('owner', {});
  await execute(pinned, 'GMAIL_SEND_EMAIL', mail('To the pinned'));
  await execute(free, 'GMAIL_SEND_EMAIL', mail('To the newest'));
  await execute(free, 'GMAIL_SEND_EMAIL', mail('To the named'), first);
  assert.deepEqual(await subjects('owner', first), ['To the named', 'To the pinned']);
  assert.deepEqual(await subjects('owner', second), ['To the newest']);
  assert.deepEqual(await subjects(other, theirs), []);
  await badPin({ user_id: 'owner', connected_accounts: { gmail: [theirs] } });
  await badPin({ user_id: 'owner', connected_accounts: { slack: [first] } });
  await invalid('POST', PATH, { user_id: 'owner', connected_accounts: { gmail: [first, second] } });
  await invalid('POST', at(free, '/execute'), { tool_slug: 'GMAIL_FETCH_EMAILS', account: theirs });

  await control(sandbox.url, 'POST', `accounts/${first}`, { status: 'EXPIRED' });
  const run = { tool_slug: 'GMAIL_FETCH_EMAILS', arguments: {} };
  await refused(400, 4302, 'ToolRouterV2_NoActiveConnection', 'POST', at(pinned, '/execute'), run);
  await control(sandbox.url, 'POST', `accounts/${second}`, { status: 'EXPIRED' });
  await refused(400, 4302, 'ToolRouterV2_NoActiveConnection', 'POST', at(free, '/execute'), run);
});

test('several accounts: one has to be named where the session wants it, by id, word id or alias', async () => {
  const [first, second] = [await connected('several', { alias: 'work' }), await connected('several')];
  const session = await create('several', { multi_account: { enable: true, require_explicit_selection: true } });
  const error = await invalid('POST', at(session, '/execute'), { tool_slug: 'GMAIL_FETCH_EMAILS' });
  for (const name of [first, second, 'work']) assert.ok(error.message.includes(name), error.message);
  await execute(session, 'GMAIL_SEND_EMAIL', mail('To work'), 'work');
  const { word_id: word } = await good('GET', `/connected_accounts/${second}`);
  await execute(session, 'GMAIL_SEND_EMAIL', mail('To the word'), word);
  assert.deepEqual([await subjects('several', first), await subjects('several', second)], [['To work'], ['To the word']]);
  const query = { queries: [{ use_case: 'send email by gmail' }] };
  const { toolkit_connection_statuses: [status] } = await good('POST', at(session, '/search'), query);
  assert.deepEqual([status.account_selection, status.accounts.map((account) => account.id)], ['required', [second, first]]);
  const both = await create('several', { multi_account: { enable: true }, connected_accounts: { gmail: [first, second] } });
  await execute(both, 'GMAIL_SEND_EMAIL', mail('To the first pinned'));
  assert.deepEqual(await subjects('several', first), ['To the first pinned', 'To work']);
});

test('SHARED accounts: pinned by those whom their list lets, one for a toolkit, never chosen otherwise', async () => {
  const shared = (list) => connected('sharer', { experimental: { account_type: 'SHARED', acl_config_for_shared: list } });
  const open = await shared({ allowed_user_ids: ['guest'] });
  const closed = await shared({ allow_all_users: true, not_allowed_user_ids: ['guest'] });
  const session = await create('guest', { connected_accounts: { gmail: [open] } });
  assert.equal((await execute(session, 'GMAIL_FETCH_EMAILS', { max_results: 1 })).error, null);
  await badPin({ user_id: 'guest', connected_accounts: { gmail: [closed] } });
  await refused(400, 4347, 'ToolRouterV2_MultipleSharedAccountsPerToolkit', 'POST', PATH,
    { user_id: 'sharer', multi_account: { enable: true }, connected_accounts: { gmail: [open, closed] } });
  const free = await create('sharer', {});
  await refused(400, 4302, 'ToolRouterV2_NoActiveConnection', 'POST', at(free, '/execute'), { tool_slug: 'GMAIL_FETCH_EMAILS' });
});

test('permissions: what is always denied is not executed', async () => {
  const account = await connected('permitted');
  const session = await create('permitted', { experimental: { permissions: { default: 'allow_all',
    overrides: { [`*:${account}`]: 'always_deny', [`GMAIL_FETCH_EMAILS:${account}`]: 'always_allow' } } } });
  assert.equal((await execute(session, 'GMAIL_FETCH_EMAILS', {})).error, null);
  await refused(403, 10403, 'HTTP_Forbidden', 'POST', at(session, '/execute'), { tool_slug: 'GMAIL_SEND_EMAIL', arguments: mail('x') });
  assert.equal((await good('GET', at(session))).config.experimental, undefined);
});

test('requests to the provider go as the session\'s account, where the session lets them', async () => {
  const account = await connected('proxied');
  const session = await create('proxied', { toolkits: { enable: ['gmail'] } });
  const ask = (where, body, ...expected) => [...expected, 'POST', at(where, '/proxy_execute'),
    { toolkit_slug: 'gmail', endpoint: '/gmail/v1/users/me/profile', method: 'GET', ...body }];
  const { status, data } = await (await composio.use(session.session_id)).proxyExecute(
    { toolkit: 'gmail', endpoint: '/gmail/v1/users/me/profile', method: 'GET' });
  assert.deepEqual([status, data.emailAddress], [200, 'proxied@example.com']);
  assert.equal((await good(...ask(session, { toolkit_slug: 'GMAIL', endpoint: '/gmail/v1/nothing' }))).status, 404);
  await invalid(...ask(session, { toolkit_slug: 'slack' }));
  await refused(...ask(session, { toolkit_slug: 'nothing' }, 400, 10400, 'ToolRouterV2_InvalidToolkitSlugs'));
  await refused(...ask(session, { toolkit_slug: 'composio' }, 400, 4326, 'ToolRouterV2_ToolkitsIsNoAuth'));
  await refused(...ask(session, { endpoint: 'https://evil.example/' }, 400, 10400, 'OriginMismatch'));
  await refused(...ask({ session_id: 'trs_none' }, {}, 404, 10404, 'ToolRouterV2_SessionNotFound'));
  for (const bad of [{ toolkit_slug: undefined }, { endpoint: undefined }, { method: 'TRACE' }]) {
    assert.equal((await rest(...ask(session, bad))).status, 400, JSON.stringify(bad));
  }
  await refused(...ask(await create('stranger', {}), {}, 400, 4302, 'ToolRouterV2_NoActiveConnection'));
  const denied = await create('proxied', { experimental: { permissions: { default: 'allow_all',
    overrides: { [`*:${account}`]: 'always_deny' } } } });
  await refused(...ask(denied, {}, 403, 10403, 'HTTP_Forbidden'));
  await good('PATCH', at(session), { workbench: { enable_proxy_execution: false } });
  await invalid(...ask(session));
});

test('a fault of one user meets the sessions of that user, by REST and by MCP', async (t) => {
  const [mine, other] = [await create('struck', {}), await create('spared', {})];
  const order = (faults) => control(sandbox.url, 'POST', 'faults', faults);
  t.after(() => control(sandbox.url, 'DELETE', 'faults'));
  assert.equal((await order([{ match: { path: '/tool_router', user: 'struck' }, fault: { status: 503 } }])).status, 200);
  assert.deepEqual([(await rest('GET', at(mine))).status, (await rest('GET', at(other))).status], [503, 200]);
  const url = new URL(mine.mcp.url);
  const reply = await fetch(`${sandbox.url}${url.pathname}`, { method: 'POST', headers: { 'x-api-key': KEY } });
  assert.equal(reply.status, 503);
});

/* ---- linking ---- */

test('linking: the session\'s auth config and callback; what cannot be linked is refused', async () => {
  const config = (await good('POST', '/auth_configs', { toolkit: { slug: 'gmail' } })).auth_config.id;
  const session = await create('linker', { toolkits: { disable: ['slack'] }, auth_configs: { gmail: config },
    manage_connections: { callback_url: 'https://app.example/cb?y=1' }, experimental: { link_url_overwrite: 'https://connect.example' } });
  const link = await good('POST', at(session, '/link'), { toolkit: 'gmail', alias: 'mine' });
  assert.equal(link.redirect_url, `https://connect.example/link/${link.link_token}`);
  const account = await good('GET', `/connected_accounts/${link.connected_account_id}`);
  assert.deepEqual([account.auth_config.id, account.user_id, account.alias], [config, 'linker', 'mine']);
  const back = new URL(await consent(`${sandbox.url}/link/${link.link_token}`, 'Approve'));
  assert.equal(`${back.origin}${back.pathname}?y=${back.searchParams.get('y')}`, 'https://app.example/cb?y=1');

  await connected('linker'); // newer, of another auth config
  const [{ connected_account: chosen }] = (await good('GET', at(session, '/toolkits?toolkits=gmail'))).items;
  assert.equal(chosen.id, link.connected_account_id);
  const no = (status, code, slug, body, of = session) => refused(status, code, slug, 'POST', at(of, '/link'), body);
  await no(400, 600, 'ConnectedAccount_BadRequest', { toolkit: 'gmail', alias: 'mine' });
  await no(400, 10400, 'ToolRouterV2_InvalidToolkitSlugs', { toolkit: 'nonesuch' });
  await no(400, 4326, 'ToolRouterV2_ToolkitsIsNoAuth', { toolkit: 'composio' });
  await no(400, 4300, 'ToolRouterV2_BadRequest', { toolkit: 'slack' });
  const pinned = await create('linker', { connected_accounts: { gmail: [link.connected_account_id] } });
  await no(400, 4300, 'ToolRouterV2_BadRequest', { toolkit: 'gmail' }, pinned);
});

/* ---- MCP ---- */

test('an agent by MCP alone: search, connect, wait, execute', async (t) => {
  const session = await create('agent', { manage_connections: { enable_wait_for_connections: true },
    preload: { tools: ['GMAIL_FETCH_EMAILS'] } });
  const mcp = await client(t, session);
  const { tools } = await mcp.listTools();
  assert.deepEqual(tools.map((tool) => tool.name), session.tool_router_tools);
  const { items } = await good('GET', at(session, '/tools'));
  assert.deepEqual(tools.map((tool) => tool.inputSchema), items.map((tool) => tool.input_parameters));

  const found = await called(mcp, 'COMPOSIO_SEARCH_TOOLS', { queries: [{ use_case: 'send an email by gmail' }], session: { generate_id: true } });
  const workflow = { session_id: found.data.session.id };
  assert.deepEqual([found.successful, found.data.toolkit_connection_statuses[0].has_active_connection], [true, false]);
  const sending = { ...workflow, sync_response_to_workbench: true, tools: [{ tool_slug: 'GMAIL_SEND_EMAIL', arguments: mail('To nobody') }] };
  assert.match((await called(mcp, 'COMPOSIO_MULTI_EXECUTE_TOOL', sending)).data.results[0].error, /No active connection/);
  assert.equal((await called(mcp, 'GMAIL_FETCH_EMAILS', {})).isError, true);

  const { data } = await called(mcp, 'COMPOSIO_MANAGE_CONNECTIONS', { ...workflow, toolkits: ['gmail', 'nonesuch'] });
  assert.deepEqual([data.results.gmail.status, data.results.nonesuch.status, data.session.id], ['initiated', 'failed', workflow.session_id]);
  assert.deepEqual(data.summary, { total_toolkits: 2, active_connections: 0, initiated_connections: 1, failed_connections: 1 });
  const waiting = called(mcp, 'COMPOSIO_WAIT_FOR_CONNECTIONS', { toolkits: ['gmail'] });
  await consent(data.results.gmail.redirect_url, 'Approve');
  const { data: { results: { gmail } } } = await waiting;
  assert.deepEqual([gmail.status, gmail.connected_account_id], ['ACTIVE', data.results.gmail.connected_account_id]);
  const sent = await called(mcp, 'COMPOSIO_MULTI_EXECUTE_TOOL', { ...sending, tools: [{ tool_slug: 'GMAIL_SEND_EMAIL', arguments: mail('To Ada') }] });
  assert.deepEqual([sent.data.success_count, sent.data.results[0].response.successful], [1, true]);
  assert.deepEqual(await subjects('agent', gmail.connected_account_id), ['To Ada']);
  assert.equal((await called(mcp, 'GMAIL_FETCH_EMAILS', { max_results: 1 })).data.messages.length, 1);
  const known = (await called(mcp, 'COMPOSIO_MANAGE_CONNECTIONS', { toolkits: ['gmail'] })).data.results.gmail;
  assert.deepEqual([known.status, known.connected_account_id], ['active', gmail.connected_account_id]);

  await good('PATCH', at(session), { manage_connections: { enable: false } });
  assert.ok(!(await mcp.listTools()).tools.some((tool) => /CONNECTIONS/.test(tool.name)), 'a patch counts at once');
  await good('DELETE', at(session));
  await refusal(mcp.listTools());
});

test('waiting for connections ends with the sandbox, and with the last of all', async () => {
  const own = await startSandbox();
  const session = await create('waiter', { manage_connections: { enable_wait_for_connections: true } }, own);
  const wait = async (given) => (await good('POST', at(session, '/execute_meta'),
    { slug: 'COMPOSIO_WAIT_FOR_CONNECTIONS', arguments: given }, own)).data.results;
  const states = (results) => Object.fromEntries(Object.entries(results).map(([toolkit, { status }]) => [toolkit, status]));
  const links = await Promise.all(['gmail', 'slack'].map((toolkit) => good('POST', at(session, '/link'), { toolkit }, own)));
  assert.deepEqual(states(await wait({ toolkits: ['gmail', 'notion'] })), { gmail: 'INITIATED', notion: 'NOT_FOUND' });
  const all = wait({ toolkits: ['gmail', 'slack'], mode: 'all' });
  await consent(links[0].redirect_url, 'Deny');
  assert.deepEqual(states(await wait({ toolkits: ['gmail', 'slack'] })), { gmail: 'FAILED', slack: 'INITIATED' });
  await consent(links[1].redirect_url, 'Approve');
  assert.deepEqual(states(await all), { gmail: 'FAILED', slack: 'ACTIVE' });
  await good('POST', at(session, '/link'), { toolkit: 'slack' }, own);
  const last = wait({ toolkits: ['slack'] });
  await until('the request is there', async () => {
    const { items } = await (await control(own.url, 'GET', 'requests')).json();
    return items.at(-1).path.endsWith('/execute_meta') && items.at(-1).status === null;
  });
  const { code } = await own.stop();
  assert.deepEqual([code, states(await last)], [0, { slack: 'INITIATED' }]);
});

test('COMPOSIO_MANAGE_CONNECTIONS: list, rename and remove, as far as the session lets', async () => {
  const account = await connected('manager');
  const session = await create('manager', { manage_connections: { enable_connection_removal: false } });
  const manage = async (item) => (await good('POST', at(session, '/execute_meta'),
    { slug: 'COMPOSIO_MANAGE_CONNECTIONS', arguments: { toolkits: [{ name: 'gmail', ...item }] } })).data.results.gmail;
  assert.deepEqual((await manage({ action: 'list' })).accounts.map((one) => one.id), [account]);
  assert.equal((await manage({ action: 'rename', account_id: account, alias: 'home' })).status, 'active');
  assert.equal((await good('GET', `/connected_accounts/${account}`)).alias, 'home');
  assert.match((await manage({ action: 'remove', account_id: account })).error_message, /off/);
  await good('PATCH', at(session), { manage_connections: { enable_connection_removal: true } });
  assert.equal((await manage({ action: 'remove', account_id: await connected(other) })).status, 'failed');
  assert.equal((await manage({ action: 'remove', account_id: account })).status, 'active');
  await refused(404, 606, 'ConnectedAccount_ResourceNotFound', 'GET', `/connected_accounts/${account}`);
});

/* ---- a sandbox of one's own ---- */

test('sessions and their files survive a restart; without an auth config there is nothing to link', async () => {
  const dir = tempDir();
  const begin = () => startSandbox({ dir, args: ['--database', join(dir, 'sandbox.db')] });
  const own = await begin();
  const session = await create('kept', { toolkits: { enable: ['gmail'] } }, own);
  await good('PATCH', at(session), { tags: ['readOnlyHint'] }, own);
  const { upload_url: url } = await good('POST', at(session, '/mounts/files/upload_url'), { mount_relative_path: 'a' }, own);
  assert.equal((await fetch(url, { method: 'PUT', body: 'kept' })).status, 200);
  await own.stop();
  const again = await begin();
  const { config, config_version: version } = await good('GET', at(session), undefined, again);
  assert.deepEqual([config.tags, version], [{ enabled: ['readOnlyHint'] }, 2]);
  assert.equal((await good('GET', at(session, '/config_history'), undefined, again)).total_items, 2);
  assert.equal((await good('GET', at(session, '/mounts/files/items'), undefined, again)).items[0].size, 4);
  await good('PATCH', '/auth_configs/ac_sandbox_gmail/DISABLED', undefined, again);
  await refused(400, 4308, 'ToolRouterV2_NoManagedAuth', 'POST', at(session, '/link'), { toolkit: 'gmail' }, again);
  await control(again.url, 'POST', 'reset');
  await refused(404, 10404, 'ToolRouterV2_SessionNotFound', 'GET', at(session), undefined, again);
  await again.stop();
});
