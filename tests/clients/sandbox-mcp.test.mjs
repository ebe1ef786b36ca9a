/* The official MCP client at the sandbox's generated MCP URLs: it lists and calls tools on the right account, sees what REST
 * sees, and is refused as at the service. And the operations on MCP servers and their instances, on both versions of the API. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startSandbox } from '../harness.mjs';
import { consent, control, refusal } from './flow.mjs';

const KEY = 'ak_test_mcp';
const VERSIONS = ['/api/v3.1', '/api/v3'];
const TOOLS = ['GMAIL_FETCH_EMAILS', 'GMAIL_SEND_EMAIL'];
let sandbox;
before(async () => { sandbox = await startSandbox(); });
after(() => sandbox.stop());

/* ---- REST ---- */

async function rest(method, path, body, version = '/api/v3.1') {
  const reply = await fetch(`${sandbox.url}${version}${path}`, { method, body: body && JSON.stringify(body),
    headers: { 'x-api-key': KEY, 'content-type': 'application/json' } });
  return { status: reply.status, body: await reply.json() };
}

async function good(method, path, body, version) {
  const reply = await rest(method, path, body, version);
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body;
}

async function refused(status, slug, method, path, body, version) {
  const reply = await rest(method, path, body, version);
  assert.deepEqual([reply.status, reply.body.error?.slug], [status, slug], JSON.stringify(reply.body));
  return reply.body.error;
}

const authConfig = async (toolkit) =>
  (await good('POST', '/auth_configs', { toolkit: { slug: toolkit }, auth_config: { type: 'use_composio_managed_auth' } })).auth_config.id;

/** An ACTIVE account. */
async function connected(user, config = 'ac_sandbox_gmail') {
  const link = await good('POST', '/connected_accounts/link', { auth_config_id: config, user_id: user });
  await consent(link.redirect_url, 'Approve');
  return link.connected_account_id;
}

const mcpServer = (given = {}) =>
  good('POST', '/mcp/servers', { name: 'tenon mcp', auth_config_ids: ['ac_sandbox_gmail'], allowed_tools: TOOLS, ...given });

const generated = (server, given) => good('POST', '/mcp/servers/generate', { mcp_server_id: server.id, ...given });

/** The subjects of what was sent, by REST. */
async function subjects(user, account) {
  const { data } = await good('POST', '/tools/execute/GMAIL_FETCH_EMAILS', { user_id: user, connected_account_id: account,
    version: 'latest', arguments: { query: 'in:sent', max_results: 50 } });
  return data.messages.map((message) => message.subject);
}

/* ---- MCP ---- */

/** A connected client, closed after the test. */
async function client(t, url, headers = { 'x-api-key': KEY }) {
  const mcp = new Client({ name: 'tenon-tests', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  await mcp.connect(transport);
  t.after(() => mcp.close());
  return Object.assign(mcp, { transport_: transport });
}

/** What a tool answered: the JSON in its text, and whether it is an error. */
async function called(mcp, name, parameters) {
  const { content, isError } = await mcp.callTool({ name, arguments: parameters });
  assert.equal(content.length, 1);
  return { ...JSON.parse(content[0].text), isError };
}

const mail = (subject) => ({ recipient_email: 'ada@example.com', subject, body: 'Dear Ada' });

/** Refused by HTTP before MCP begins; resolves with the API's error. */
async function refusedUrl(t, status, url, headers) {
  const error = await refusal(client(t, url, headers));
  assert.ok(error instanceof StreamableHTTPError, String(error));
  assert.equal(error.code, status);
  return JSON.parse(error.message.slice(error.message.indexOf('{'))).error;
}

test('a generated URL lists the allowed tools and executes them on the user\'s account', async (t) => {
  const account = await connected('mcp ada');
  const server = await mcpServer();
  const { user_ids_url: [url], mcp_url: bare, connected_account_urls: none } = await generated(server, { user_ids: ['mcp ada'] });
  assert.deepEqual([url, none], [`${bare}?user_id=mcp%20ada`, []]);
  assert.ok(url.startsWith(`${sandbox.url}/v3/mcp/${server.id}`));
  const mcp = await client(t, url);
  assert.equal(mcp.getServerVersion().name, 'tenon mcp');
  assert.deepEqual(Object.keys(mcp.getServerCapabilities()), ['tools']);
  await mcp.ping();

  const { tools } = await mcp.listTools();
  assert.deepEqual(tools.map((tool) => tool.name).sort(), TOOLS);
  for (const tool of tools) {
    const known = await good('GET', `/tools/${tool.name}?version=latest`);
    assert.deepEqual(tool.inputSchema, known.input_parameters);
    assert.equal(tool.description, known.description);
  }
  assert.equal(tools.find((tool) => tool.name === 'GMAIL_FETCH_EMAILS').annotations.readOnlyHint, true);

  const sent = await called(mcp, 'GMAIL_SEND_EMAIL', mail('By MCP'));
  assert.deepEqual([sent.successful, sent.error, sent.isError], [true, null, false]);
  assert.match(sent.log_id, /^log_/);
  assert.ok((await subjects('mcp ada', account)).includes('By MCP'));
  await good('POST', '/tools/execute/GMAIL_SEND_EMAIL', { user_id: 'mcp ada', version: 'latest', arguments: mail('By REST') });
  const found = await called(mcp, 'GMAIL_FETCH_EMAILS', { query: 'subject:"By REST"', max_results: 5 });
  assert.deepEqual(found.data.messages.map((message) => message.subject), ['By REST']);
});

test('the URL with /mcp behind it, and the key as a bearer, do as well', async (t) => {
  await connected('mcp suffix');
  const server = await mcpServer();
  const mcp = await client(t, `${sandbox.url}/v3/mcp/${server.id}/mcp?user_id=mcp+suffix`, { authorization: `Bearer ${KEY}` });
  assert.equal((await mcp.listTools()).tools.length, 2);
  assert.equal((await called(mcp, 'GMAIL_FETCH_EMAILS', { max_results: 1 })).successful, true);
});

test('two users and two accounts of one user do not meet', async (t) => {
  const server = await mcpServer();
  const [first, second, other] = [await connected('mcp two'), await connected('mcp two'), await connected('mcp other')];
  const by = (selector) => client(t, `${sandbox.url}/v3/mcp/${server.id}?${selector}`);
  await called(await by(`connected_account_id=${first}`), 'GMAIL_SEND_EMAIL', mail('To the first'));
  await called(await by(`user_id=mcp+two&connected_account_id=${second}`), 'GMAIL_SEND_EMAIL', mail('To the second'));
  await called(await by('user_id=mcp+two'), 'GMAIL_SEND_EMAIL', mail('To the newest'));
  const mails = async (user, account) => (await subjects(user, account)).filter((subject) => subject.startsWith('To the')).sort();
  assert.deepEqual(await mails('mcp two', first), ['To the first']);
  assert.deepEqual(await mails('mcp two', second), ['To the newest', 'To the second']);
  assert.deepEqual(await mails('mcp other', other), []);
});

test('a server executes on accounts of its own auth config only', async (t) => {
  const own = await authConfig('gmail');
  const server = await mcpServer({ auth_config_ids: [own] });
  const account = await connected('mcp configs', own);
  const elsewhere = await connected('mcp configs'); // newer
  const mcp = await client(t, `${sandbox.url}/v3/mcp/${server.id}?user_id=mcp+configs`);
  await called(mcp, 'GMAIL_SEND_EMAIL', mail('Of its own'));
  assert.ok((await subjects('mcp configs', account)).includes('Of its own'));
  assert.ok(!(await subjects('mcp configs', elsewhere)).includes('Of its own'));
  const pinned = await client(t, `${sandbox.url}/v3/mcp/${server.id}?connected_account_id=${elsewhere}`);
  const answer = await called(pinned, 'GMAIL_FETCH_EMAILS', {});
  assert.deepEqual([answer.isError, answer.data.status_code], [true, 404]);
});

test('a server without allowed tools has all of its toolkits\', one for several toolkits all of theirs', async (t) => {
  const names = async (server) => {
    const mcp = await client(t, `${sandbox.url}/v3/mcp/${server.id}?user_id=anybody`);
    const listed = [];
    for (let cursor; ;) {
      const page = await mcp.listTools({ cursor });
      listed.push(...page.tools.map((tool) => tool.name));
      if ((cursor = page.nextCursor) === undefined) return listed.sort();
    }
  };
  const slugs = async (toolkits) =>
    (await good('GET', `/tools?toolkit_slug=${toolkits}&limit=1000`)).items.map((tool) => tool.slug).sort();
  assert.deepEqual(await names(await mcpServer({ allowed_tools: [] })), await slugs('gmail'));
  const custom = await good('POST', '/mcp/servers/custom', { name: 'several kits', toolkits: ['slack', 'notion'] });
  assert.deepEqual(await names(custom), await slugs('slack,notion'));
  await good('PATCH', `/mcp/${custom.id}`, { allowed_tools: ['SLACK_SEND_MESSAGE'] });
  assert.deepEqual(await names(custom), ['SLACK_SEND_MESSAGE']);
});

test('helper actions: a user connects by MCP alone', async (t) => {
  const own = await authConfig('gmail');
  const server = await mcpServer({ auth_config_ids: [own] });
  const { user_ids_url: [url] } = await generated(server, { user_ids: ['mcp helped'], managed_auth_by_composio: true });
  const mcp = await client(t, url);
  const names = (await mcp.listTools()).tools.map((tool) => tool.name);
  assert.deepEqual(names.sort(), ['COMPOSIO_CHECK_ACTIVE_CONNECTION', 'COMPOSIO_INITIATE_CONNECTION', ...TOOLS]);
  const check = async (parameters) => (await called(mcp, 'COMPOSIO_CHECK_ACTIVE_CONNECTION', parameters)).data;
  assert.deepEqual(await check({ toolkit: 'gmail' }),
    { active_connection: false, connection_details: {}, required_parameters_for_connection: [] });

  const { data } = await called(mcp, 'COMPOSIO_INITIATE_CONNECTION', { toolkit: 'GMAIL', parameters: {} });
  const { connection_id: id, redirect_url: link } = data.response_data;
  const account = await good('GET', `/connected_accounts/${id}`);
  assert.deepEqual([account.user_id, account.auth_config.id, account.status], ['mcp helped', own, 'INITIALIZING']);
  await consent(link, 'Approve');
  const active = { active_connection: true, required_parameters_for_connection: null,
    connection_details: { connected_account_id: id, toolkit: 'gmail', status: 'ACTIVE' } };
  assert.deepEqual(await check({ toolkit: 'gmail' }), active);
  assert.deepEqual(await check({ connected_account_id: id }), active);
  assert.equal((await called(mcp, 'GMAIL_SEND_EMAIL', mail('Helped'))).successful, true);

  const other = await connected('mcp not helped');
  assert.equal((await check({ connected_account_id: other })).active_connection, false, 'another user\'s');
  for (const [parameters, status] of [[{}, 400], [{ toolkit: 7 }, 400], [{ toolkit: 'slack' }, 404], [{ toolkit: 'none' }, 404]]) {
    const failed = await called(mcp, 'COMPOSIO_INITIATE_CONNECTION', parameters);
    assert.deepEqual([failed.isError, failed.data.status_code], [true, status], JSON.stringify(parameters));
  }
});

test('refused before MCP begins: key, selector, server', async (t) => {
  const server = await mcpServer();
  const url = `${sandbox.url}/v3/mcp/${server.id}`;
  assert.equal((await refusedUrl(t, 401, `${url}?user_id=u`, {})).slug, 'HTTP_Unauthorized');
  assert.equal((await refusedUrl(t, 401, `${url}?user_id=u`, { 'x-api-key': 'ck_1' })).slug, 'HTTP_Unauthorized');
  assert.equal((await refusedUrl(t, 401, `${url}?user_id=u`, { authorization: 'Basic YWtfMQ==' })).slug, 'HTTP_Unauthorized');
  const plural = (await generated(server, { connected_account_ids: ['ca_1'] })).connected_account_urls[0];
  assert.equal(plural, `${url}?connected_account_ids=ca_1`);
  for (const without of [url, `${url}?user_id=`, plural]) {
    const error = await refusedUrl(t, 400, without);
    assert.deepEqual([error.slug, error.code, error.message],
      ['MCP_InvalidParameter', 1149, 'user_id or connected_account_id query parameter is required']);
  }
  assert.equal((await refusedUrl(t, 404, `${sandbox.url}/v3/mcp/00000000-0000-4000-8000-000000000000?user_id=u`)).slug, 'MCP_ResourceNotFound');
  const mcp = await client(t, `${url}?user_id=u`);
  await good('DELETE', `/mcp/${server.id}`);
  assert.equal((await refusal(mcp.listTools())).code, 404, 'a server that was deleted');
});

test('refused by MCP: tools that are not of the server, methods that it has not', async (t) => {
  const server = await mcpServer();
  const mcp = await client(t, `${sandbox.url}/v3/mcp/${server.id}?user_id=mcp+refused`);
  for (const name of ['GMAIL_CREATE_EMAIL_DRAFT', 'SLACK_SEND_MESSAGE', 'NOTHING', 'gmail_send_email', '']) {
    const error = await refusal(mcp.callTool({ name, arguments: {} }));
    assert.ok(error instanceof McpError, String(error));
    assert.equal(error.code, ErrorCode.InvalidParams, name);
  }
  const cursor = await refusal(mcp.listTools({ cursor: 'none' }));
  assert.equal(cursor.code, ErrorCode.InvalidParams);
  const unknown = await refusal(mcp.request({ method: 'resources/list' }, { parse: (value) => value }));
  assert.match(String(unknown.message), /resources|Method not found/);
});

test('what fails for the tool is its result: no account, one not ACTIVE, another user\'s, wrong arguments', async (t) => {
  const server = await mcpServer();
  const by = (selector) => client(t, `${sandbox.url}/v3/mcp/${server.id}?${selector}`);
  const failed = async (mcp, status, words, parameters = {}) => {
    const answer = await called(mcp, 'GMAIL_SEND_EMAIL', parameters);
    assert.deepEqual([answer.isError, answer.successful, answer.data.status_code], [true, false, status], JSON.stringify(answer));
    assert.match(answer.error, words);
  };
  const nobody = await by('user_id=mcp+nobody');
  assert.equal((await nobody.listTools()).tools.length, 2, 'listed all the same');
  await failed(nobody, 404, /No connected account found for user ID mcp nobody for toolkit gmail/);
  await failed(await by('connected_account_id=ca_none'), 404, /ca_none/);
  const account = await connected('mcp owner');
  await failed(await by(`user_id=mcp+thief&connected_account_id=${account}`), 400, /does not match/);
  const owner = await by('user_id=mcp+owner');
  await failed(owner, 400, /recipient_email|subject|body/, { subject: 1 });
  await control(sandbox.url, 'POST', `accounts/${account}`, { status: 'EXPIRED' });
  await failed(owner, 410, /EXPIRED/, mail('Never'));
  await control(sandbox.url, 'POST', `accounts/${account}`, { status: 'ACTIVE' });
  assert.equal((await called(owner, 'GMAIL_SEND_EMAIL', mail('Again'))).successful, true);
  await good('DELETE', `/connected_accounts/${account}`);
  await failed(owner, 404, /No connected account/, mail('Never'));
});

test('sessions: good for one URL, until the client ends them', async (t) => {
  const server = await mcpServer();
  const url = `${sandbox.url}/v3/mcp/${server.id}?user_id=mcp+sessions`;
  const mcp = await client(t, url);
  const id = mcp.transport_.sessionId;
  assert.match(id, /^[0-9a-f-]{36}$/);
  const ping = (headers, at = url) => fetch(at, { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
    headers: { 'x-api-key': KEY, 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers } });
  assert.equal((await ping({ 'mcp-session-id': id })).status, 200);
  assert.equal((await ping({})).status, 200, 'a request may do without');
  assert.equal((await ping({ 'mcp-session-id': id }, `${url}+2`)).status, 404, 'another user\'s');
  await mcp.transport_.terminateSession();
  assert.equal((await ping({ 'mcp-session-id': id })).status, 404);
});

test('browsers: pages on this machine may, others may not; preflights need no key', async () => {
  const server = await mcpServer();
  const url = `${sandbox.url}/v3/mcp/${server.id}?user_id=u`;
  const preflight = (origin) => fetch(url, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
  const allowed = await preflight('http://localhost:6274');
  assert.deepEqual([allowed.status, allowed.headers.get('access-control-allow-origin')], [204, 'http://localhost:6274']);
  const evil = await preflight('https://evil.example');
  assert.deepEqual([evil.status, evil.headers.get('access-control-allow-origin')], [403, null]);
});

test('the answer to a request is an event stream; a GET stream there is none', async () => {
  const server = await mcpServer();
  const url = `${sandbox.url}/v3/mcp/${server.id}?user_id=u`;
  const headers = { 'x-api-key': KEY, 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const answer = await fetch(url, { method: 'POST', headers, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' });
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
  assert.equal(await answer.text(), 'event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
  assert.ok(Number(answer.headers.get('x-ratelimit-remaining')) > 0);
  const notified = await fetch(url, { method: 'POST', headers, body: '{"jsonrpc":"2.0","method":"notifications/initialized"}' });
  assert.deepEqual([notified.status, await notified.text()], [202, '']);
  const stream = await fetch(url, { headers });
  assert.deepEqual([stream.status, stream.headers.get('allow')], [405, 'POST, DELETE']);
  const keyless = await fetch(url, { method: 'POST' });
  assert.deepEqual([keyless.status, keyless.headers.get('www-authenticate')], [401, 'Bearer']);
  assert.equal((await fetch(`${sandbox.url}/v3/mcp/${server.id}/sse?user_id=u`, { headers })).status, 404);
});

test('faults reach MCP requests too', async (t) => {
  const server = await mcpServer();
  const mcp = await client(t, `${sandbox.url}/v3/mcp/${server.id}?user_id=mcp+faults`);
  // The client's GET, by which it asks for a stream, may still be on its way.
  await control(sandbox.url, 'POST', 'faults', [{ match: { method: 'POST', path: `/v3/mcp/${server.id}` }, fault: { status: 503 }, times: 1 }]);
  const error = await refusal(mcp.listTools());
  assert.deepEqual([error instanceof StreamableHTTPError, error.code], [true, 503]);
  assert.equal((await mcp.listTools()).tools.length, 2);
});

/* ---- servers and instances ---- */

for (const version of VERSIONS) {
  test(`MCP servers of a toolkit, ${version}`, async () => {
    const call = (path) => good('GET', path, undefined, version);
    const github = await mcpServer({ name: `gh ${version.slice(-1)}`, auth_config_ids: ['ac_sandbox_github'], allowed_tools: [] });
    const both = await good('POST', '/mcp/servers/custom',
      { name: 'both kits', auth_config_ids: ['ac_sandbox_gmail'], toolkits: ['github'] }, version);
    assert.deepEqual(Object.keys(both).sort(), ['allowed_tools', 'auth_config_ids', 'commands', 'id', 'mcp_url', 'name']);
    const { items, total_pages: pages, current_page: page } = await call('/mcp/app/github?limit=50');
    assert.deepEqual([pages, page], [1, 1]);
    const ids = items.map((item) => item.id);
    assert.ok(ids.includes(github.id) && ids.includes(both.id));
    assert.ok(items.every((item) => item.toolkits.includes('github')));
    const one = await call('/mcp/app/GITHUB?limit=1&page_no=2&order_by=created_at&order_direction=asc');
    assert.deepEqual([one.items.length, one.current_page, one.items[0].id], [1, 2, ids[ids.length - 2]]);
    await refused(404, 'Toolkit_ResourceNotFound', 'GET', '/mcp/app/nothing', undefined, version);
  });

  test(`instances: made for connected users, listed, counted, deleted with the accounts, ${version}`, async () => {
    const user = `inst ${version}`;
    const server = await mcpServer({ auth_config_ids: ['ac_sandbox_gmail', 'ac_sandbox_slack'] });
    const path = `/mcp/servers/${server.id}/instances`;
    const create = (name) => good('POST', path, { user_id: name }, version);
    await refused(403, 'HTTP_Forbidden', 'POST', path, { user_id: user }, version);
    const accounts = [await connected(user)];
    const lacking = await refused(403, 'HTTP_Forbidden', 'POST', path, { user_id: user }, version);
    assert.match(lacking.message, /ac_sandbox_slack/);
    accounts.push(await connected(user, 'ac_sandbox_slack'));
    const kept = await connected(user, 'ac_sandbox_notion');
    const instance = await create(user);
    assert.deepEqual(Object.keys(instance).sort(), ['created_at', 'id', 'instance_id', 'mcp_server_id', 'updated_at']);
    assert.deepEqual([instance.instance_id, instance.mcp_server_id], [user, server.id]);
    await refused(409, 'HTTP_Conflict', 'POST', path, { user_id: user }, version);
    await refused(400, 'HTTP_BadRequest', 'POST', path, { user_id: '' }, version);
    const second = `second ${version}`;
    await connected(second);
    await connected(second, 'ac_sandbox_slack');
    await create(second);

    const list = (query) => good('GET', `${path}?${query}`, undefined, version);
    const all = await list('order_by=created_at&order_direction=asc');
    assert.deepEqual([all.server_id, all.server_name, all.total_pages, all.current_page], [server.id, 'tenon mcp', 1, 1]);
    assert.deepEqual(all.instances.map((item) => item.instance_id), [user, second]);
    assert.deepEqual(all.instances[0], instance);
    assert.deepEqual((await list('search=SECOND')).instances.map((item) => item.instance_id), [second]);
    const page = await list('limit=1&page_no=2&order_by=created_at');
    assert.deepEqual([page.instances.map((item) => item.instance_id), page.total_pages, page.current_page], [[user], 2, 2]);
    assert.equal((await good('GET', `/mcp/${server.id}`, undefined, version)).server_instance_count, 2);

    const gone = await good('DELETE', `${path}/${encodeURIComponent(user)}`, undefined, version);
    assert.deepEqual([gone.deleted_connected_accounts, typeof gone.message], [2, 'string']);
    for (const account of accounts) {
      await refused(404, 'ConnectedAccount_ResourceNotFound', 'GET', `/connected_accounts/${account}`);
    }
    assert.equal((await good('GET', `/connected_accounts/${kept}`)).status, 'ACTIVE');
    assert.equal((await good('GET', `/mcp/${server.id}`, undefined, version)).server_instance_count, 1);
    await refused(404, 'MCP_ResourceNotFound', 'DELETE', `${path}/${encodeURIComponent(user)}`, undefined, version);
    await refused(403, 'HTTP_Forbidden', 'POST', path, { user_id: user }, version);
    for (const account of [await connected(user), await connected(user, 'ac_sandbox_slack')]) assert.ok(account);
    assert.notEqual((await create(user)).id, instance.id, 'may be made anew');
  });

  test(`instances of a server that is not there, ${version}`, async () => {
    for (const [method, rest_, body] of [['GET', ''], ['POST', '', { user_id: 'u' }], ['DELETE', '/u']]) {
      await refused(404, 'MCP_ResourceNotFound', method, `/mcp/servers/none/instances${rest_}`, body, version);
    }
  });
}

test('deleting an instance leaves the accounts of users without one alone', async () => {
  const server = await mcpServer();
  const account = await connected('mcp uninstanced');
  await refused(404, 'MCP_ResourceNotFound', 'DELETE', `/mcp/servers/${server.id}/instances/mcp%20uninstanced`);
  assert.equal((await good('GET', `/connected_accounts/${account}`)).status, 'ACTIVE');
});

test('generate with both users and accounts names both, as the document\'s example does', async () => {
  const server = await mcpServer();
  const made = await generated(server, { managed_auth_by_composio: true, user_ids: ['a', 'b/c'], connected_account_ids: ['ca_1', 'ca_2'] });
  const base = `${sandbox.url}/v3/mcp/${server.id}`;
  assert.deepEqual(made, {
    mcp_url: base,
    connected_account_urls: ['ca_1', 'ca_2'].map((id) => `${base}?include_composio_helper_actions=true&connected_account_ids=${id}&user_id=a,b%2Fc`),
    user_ids_url: ['a', 'b%2Fc'].map((id) => `${base}?include_composio_helper_actions=true&connected_account_ids=ca_1,ca_2&user_id=${id}`),
  });
  await refused(404, 'MCP_ResourceNotFound', 'POST', '/mcp/servers/generate', { mcp_server_id: 'none' });
});
