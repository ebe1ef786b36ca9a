/* The official @composio/core SDK against the sandbox, with no change but the base URL; and, where the published OpenAPI
 * document is at hand, the sandbox's answers against it. */
import { Composio } from '@composio/core';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { startSandbox } from '../harness.mjs';
import { consent, refusal } from './flow.mjs';

const KEY = 'ak_test_sdk';
let sandbox, composio;
before(async () => {
  sandbox = await startSandbox();
  composio = new Composio({ apiKey: KEY, baseURL: sandbox.url, allowTracking: false, disableVersionCheck: true });
});
after(() => sandbox.stop());

/* An ACTIVE Gmail account of the user. */
async function linked(user) {
  const request = await composio.connectedAccounts.link(user, 'ac_sandbox_gmail', { callbackUrl: 'http://127.0.0.1/back?x=1' });
  const back = new URL(await consent(request.redirectUrl, 'Approve'));
  assert.deepEqual(Object.fromEntries(back.searchParams), { x: '1', status: 'success', connected_account_id: request.id });
  return request;
}

test('MCP servers: create, generate a URL, get, list, update, delete', async () => {
  const server = await composio.mcp.create('tenon sdk', {
    toolkits: [{ toolkit: 'gmail', authConfigId: 'ac_sandbox_gmail' }], allowedTools: ['GMAIL_FETCH_EMAILS'] });
  assert.match(server.id, /^[0-9a-f-]{36}$/);
  const instance = await server.generate('mcp user');
  assert.match(JSON.stringify(instance), new RegExp(server.id));
  assert.equal((await composio.mcp.get(server.id)).name, 'tenon sdk');
  assert.ok((await composio.mcp.list({})).items.some((item) => item.id === server.id));
  assert.equal((await composio.mcp.update(server.id, { name: 'tenon other' })).name, 'tenon other');
  await composio.mcp.delete(server.id);
  await refusal(composio.mcp.get(server.id));
});

test('accounts: link, consent, wait, list, get, disable, enable, delete', async () => {
  const request = await linked('accounts user');
  const account = await request.waitForConnection(10_000);
  assert.deepEqual([account.id, account.status], [request.id, 'ACTIVE']);
  const { items } = await composio.connectedAccounts.list({ userIds: ['accounts user'], authConfigIds: ['ac_sandbox_gmail'] });
  assert.deepEqual(items.map((item) => [item.id, item.status]), [[request.id, 'ACTIVE']]);
  await composio.connectedAccounts.disable(request.id);
  assert.equal((await composio.connectedAccounts.get(request.id)).status, 'INACTIVE');
  await composio.connectedAccounts.enable(request.id);
  assert.equal((await composio.connectedAccounts.get(request.id)).status, 'ACTIVE');
  const second = await refusal(composio.connectedAccounts.link('accounts user', 'ac_sandbox_gmail'));
  assert.match(second.message, /Multiple connected accounts found/, 'the SDK itself refuses, as with the real service');
  await composio.connectedAccounts.delete(request.id);
  await refusal(composio.connectedAccounts.get(request.id));
});

test('a denied consent fails the account', async () => {
  const request = await composio.connectedAccounts.link('denier', 'ac_sandbox_gmail', { callbackUrl: 'http://127.0.0.1/back' });
  const back = new URL(await consent(request.redirectUrl, 'Deny'));
  assert.equal(back.searchParams.get('status'), 'failed');
  assert.equal((await composio.connectedAccounts.get(request.id)).status, 'FAILED');
  await refusal(request.waitForConnection(5_000));
});

test('tools: found by slug, executed on the account, refused on another user\'s', async () => {
  const { id } = await linked('tools user');
  const tool = await composio.tools.getRawComposioToolBySlug('GMAIL_FETCH_EMAILS');
  assert.equal(tool.slug, 'GMAIL_FETCH_EMAILS');
  await refusal(composio.tools.getRawComposioToolBySlug('GMAIL_SEARCH_EMAILS'));
  const run = (slug, userId, parameters) => composio.tools.execute(slug,
    { userId, connectedAccountId: id, version: tool.version, arguments: parameters });
  const sent = await run('GMAIL_SEND_EMAIL', 'tools user', { recipient_email: 'ada@example.com', subject: 'By the SDK', body: 'x' });
  assert.equal(sent.successful, true);
  const found = await run('GMAIL_FETCH_EMAILS', 'tools user', { query: 'subject:"By the SDK"', max_results: 3 });
  assert.equal(found.successful, true);
  assert.match(JSON.stringify(found.data), /By the SDK/);
  const few = await run('GMAIL_FETCH_EMAILS', 'tools user', { max_results: 2 });
  assert.equal(few.data.messages.length, 2, 'results depend on the arguments');
  await refusal(run('GMAIL_FETCH_EMAILS', 'somebody else', {}));
});

test('the rest that a client reads: auth configs and toolkits', async () => {
  const { items } = await composio.authConfigs.list({ toolkit: 'gmail' });
  assert.ok(items.some((item) => item.id === 'ac_sandbox_gmail'));
  assert.equal((await composio.authConfigs.get('ac_sandbox_gmail')).status, 'ENABLED');
  assert.equal((await composio.toolkits.get('gmail')).slug, 'gmail');
});

/* ---- the published document ---- */

const document = fileURLToPath(new URL('../../../shared/reference/composio-openapi-v31-subset.json', import.meta.url));
const skip = existsSync(document) ? false : 'the OpenAPI document is not at hand';

/* OpenAPI 3.0 says "nullable" where JSON Schema has a type list. */
function asJsonSchema(node) {
  if (Array.isArray(node)) return node.map(asJsonSchema);
  if (node === null || typeof node !== 'object') return node;
  const { nullable, ...rest } = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, asJsonSchema(value)]));
  return nullable ? { anyOf: [rest, { type: 'null' }] } : rest;
}

test('answers are as the OpenAPI document has them', { skip }, async () => {
  const api = JSON.parse(readFileSync(document, 'utf8'));
  const ajv = addFormats(new Ajv({ strict: false, validateFormats: true, allErrors: false }));
  ajv.addSchema({ $id: 'api', components: asJsonSchema(api.components) });
  const call = async (method, path, template, status, body) => {
    const reply = await fetch(`${sandbox.url}${path}`, { method,
      headers: { 'x-api-key': KEY, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
    const answer = await reply.json();
    assert.equal(reply.status, status, `${method} ${path}: ${JSON.stringify(answer)}`);
    const schema = api.paths[template][method.toLowerCase()].responses[status].content['application/json'].schema;
    const resolved = JSON.parse(JSON.stringify(asJsonSchema(schema)).replaceAll('"#/components', '"api#/components'));
    const validate = ajv.compile(resolved);
    assert.ok(validate(answer), `${method} ${path}: ${ajv.errorsText(validate.errors)}`);
    return answer;
  };
  const V = '/api/v3.1';
  await call('GET', `${V}/auth_configs?toolkit_slug=gmail`, `${V}/auth_configs`, 200);
  await call('GET', `${V}/auth_configs/ac_sandbox_gmail`, `${V}/auth_configs/{nanoid}`, 200);
  const link = await call('POST', `${V}/connected_accounts/link`, `${V}/connected_accounts/link`, 201,
    { auth_config_id: 'ac_sandbox_gmail', user_id: 'openapi' });
  await call('GET', `${V}/connected_accounts/${link.connected_account_id}`, `${V}/connected_accounts/{nanoid}`, 200);
  await consent(link.redirect_url, 'Approve');
  await call('GET', `${V}/connected_accounts?user_ids=openapi`, `${V}/connected_accounts`, 200);
  await call('GET', `${V}/connected_accounts/ca_none`, `${V}/connected_accounts/{nanoid}`, 404);
  const server = await call('POST', `${V}/mcp/servers`, `${V}/mcp/servers`, 201,
    { name: 'openapi', auth_config_ids: ['ac_sandbox_gmail'], allowed_tools: ['GMAIL_FETCH_EMAILS'] });
  await call('GET', `${V}/mcp/servers`, `${V}/mcp/servers`, 200);
  await call('GET', `${V}/mcp/${server.id}`, `${V}/mcp/{id}`, 200);
  await call('POST', `${V}/mcp/servers/generate`, `${V}/mcp/servers/generate`, 200,
    { mcp_server_id: server.id, user_ids: ['openapi'], managed_auth_by_composio: false });
  await call('DELETE', `${V}/mcp/${server.id}`, `${V}/mcp/{id}`, 200);
  await call('GET', `${V}/tools?toolkit_slug=slack&limit=5`, `${V}/tools`, 200);
  await call('GET', `${V}/tools/GMAIL_FETCH_EMAILS`, `${V}/tools/{tool_slug}`, 200);
  await call('GET', `${V}/tools/GMAIL_NOTHING`, `${V}/tools/{tool_slug}`, 404);
  await call('POST', `${V}/tools/execute/GMAIL_FETCH_EMAILS`, `${V}/tools/execute/{tool_slug}`, 200,
    { user_id: 'openapi', connected_account_id: link.connected_account_id, arguments: { max_results: 1 } });
  await call('GET', `${V}/toolkits?search=mail`, `${V}/toolkits`, 200);
  await call('GET', `${V}/toolkits/notion`, `${V}/toolkits/{slug}`, 200);
  await call('DELETE', `${V}/connected_accounts/${link.connected_account_id}`, `${V}/connected_accounts/{nanoid}`, 200);
});
