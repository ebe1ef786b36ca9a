/* The sandbox's REST operations beyond connecting and executing: partial changes, filters, versions, scopes, the proxy,
 * webhooks. By the official SDK and its client where they have the call, by plain fetch where not. */
import Client from '@composio/client';
import { Composio } from '@composio/core';
import assert from 'node:assert/strict';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startSandbox, tempDir } from '../harness.mjs';
import { control, refusal, until } from './flow.mjs';

const KEY = 'ak_test_rest';
const EXPIRED = 'composio.connected_account.expired';
const TRIGGER = 'composio.trigger.message';
const LATEST = '20260223_00';
const FIRST = '00000000_00';
let sandbox, composio, client;
before(async () => {
  sandbox = await startSandbox();
  composio = new Composio({ apiKey: KEY, baseURL: sandbox.url, allowTracking: false, disableVersionCheck: true });
  client = new Client({ apiKey: KEY, baseURL: sandbox.url, maxRetries: 0 });
});
after(() => sandbox.stop());

/** One call; `path` is under /api/v3.1 unless it begins with /api. Resolves with {status, body}. */
async function api(method, path, body, url = sandbox.url) {
  const reply = await fetch(`${url}${path.startsWith('/api') ? '' : '/api/v3.1'}${path}`, {
    method, headers: { 'x-api-key': KEY, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
  return { status: reply.status, body: await reply.json() };
}

async function ok(method, path, body, url) {
  const reply = await api(method, path, body, url);
  assert.ok(reply.status < 300, `${method} ${path}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

async function controlled(method, path, body, url = sandbox.url) {
  const reply = await control(url, method, path, body);
  const answer = await reply.json();
  assert.equal(reply.status, 200, JSON.stringify(answer));
  return answer;
}

const advance = (seconds, url) => controlled('POST', 'clock', { advance_seconds: seconds }, url);
const setStatus = (id, status, reason, url) => controlled('POST', `accounts/${id}`, { status, status_reason: reason }, url);

/** An account that never went further than its link. */
async function begun(user, toolkit = 'gmail', url) {
  const body = { auth_config_id: `ac_sandbox_${toolkit}`, user_id: user };
  return (await ok('POST', '/connected_accounts/link', body, url)).connected_account_id;
}

async function active(user, toolkit, url) {
  const id = await begun(user, toolkit, url);
  await setStatus(id, 'ACTIVE', undefined, url);
  return id;
}

/** An account of a key, ACTIVE at once. */
async function keyed(user, val = { generic_api_key: 'key-of-the-account' }) {
  const config = await ok('POST', '/auth_configs',
    { toolkit: { slug: 'github' }, auth_config: { type: 'use_custom_auth', authScheme: 'API_KEY', credentials: {} } });
  const account = await ok('POST', '/connected_accounts', { auth_config: { id: config.auth_config.id },
    connection: { user_id: user, state: { authScheme: 'API_KEY', val: { status: 'ACTIVE', ...val } } } });
  return { id: account.id, config: config.auth_config.id };
}

/* ---- auth configs ---- */

test('auth configs change in part: what is left out stays, empty values clear', async () => {
  const { auth_config: { id } } = await ok('POST', '/auth_configs', { toolkit: { slug: 'github' }, auth_config: {
    type: 'use_custom_auth', authScheme: 'OAUTH2', name: 'mine',
    credentials: { client_id: 'id', client_secret: 'secret', scopes: ['repo'] } } });
  const made = await ok('GET', `/auth_configs/${id}`);
  assert.equal(made.credentials.oauth_redirect_uri, 'https://backend.composio.dev/api/v3.1/toolkits/auth/callback');

  await composio.authConfigs.update(id, { type: 'custom', credentials: { scopes: ['user'] },
    toolAccessConfig: { toolsAvailableForExecution: ['GITHUB_GET_A_REPOSITORY'] } });
  const changed = await ok('GET', `/auth_configs/${id}`);
  assert.deepEqual(changed.credentials.scopes, ['user']);
  assert.equal(changed.credentials.client_id, 'id', 'credentials are merged');
  assert.equal(changed.credentials.client_secret, 'REDACTED');
  assert.deepEqual(changed.tool_access_config, { tools_available_for_execution: ['GITHUB_GET_A_REPOSITORY'] });
  assert.equal(changed.name, 'mine');
  const { items } = await ok('GET', `/tools?auth_config_ids=${id}`);
  assert.deepEqual(items.map((tool) => tool.slug), ['GITHUB_GET_A_REPOSITORY']);

  await ok('PATCH', `/auth_configs/${id}`, { type: 'custom', name: 'other', credentials: { scopes: [] },
    proxy_config: { proxy_url: 'https://proxy.example' }, is_enabled_for_tool_router: false });
  const cleared = await ok('GET', `/auth_configs/${id}`);
  assert.equal('scopes' in cleared.credentials, false);
  assert.deepEqual([cleared.name, cleared.proxy_config.proxy_url, cleared.is_enabled_for_tool_router],
    ['other', 'https://proxy.example', false]);
  await ok('PATCH', `/auth_configs/${id}`, { type: 'custom', proxy_config: null });
  assert.equal((await ok('GET', `/auth_configs/${id}`)).proxy_config, null);
});

test('scopes of a managed auth config stand among its credentials', async () => {
  const { id } = await composio.authConfigs.create('slack', { type: 'use_composio_managed_auth', name: 'managed' });
  await composio.authConfigs.update(id, { type: 'default', scopes: 'chat:write' });
  assert.equal((await ok('GET', `/auth_configs/${id}`)).credentials.scopes, 'chat:write');
});

test('v3 gives a custom app the callback of v3', async () => {
  const { auth_config: { id } } = await ok('POST', '/api/v3/auth_configs', { toolkit: { slug: 'github' },
    auth_config: { type: 'use_custom_auth', authScheme: 'OAUTH2', credentials: { client_id: 'a', client_secret: 'b' } } });
  const { credentials } = await ok('GET', `/auth_configs/${id}`);
  assert.equal(credentials.oauth_redirect_uri, 'https://backend.composio.dev/api/v3/toolkits/auth/callback');
});

test('auth configs are found by what they are', async () => {
  const { auth_config: { id } } = await ok('POST', '/auth_configs', { toolkit: { slug: 'notion' },
    auth_config: { type: 'use_custom_auth', authScheme: 'API_KEY', name: 'Findable One' } });
  const found = async (query) => (await ok('GET', `/auth_configs?limit=200&${query}`)).items.map((item) => item.id);
  assert.deepEqual(await found('search=findable'), [id]);
  assert.deepEqual(await found(`search=${id}`), [id]);
  assert.deepEqual(await found('toolkit_slug=notion&is_composio_managed=false'), [id]);
  assert.ok((await found('toolkit_slug=notion,gmail')).includes('ac_sandbox_gmail'));
  assert.ok(!(await found('is_composio_managed=true')).includes(id));
  await ok('PATCH', `/auth_configs/${id}/DISABLED`);
  assert.ok(!(await found('toolkit_slug=notion')).includes(id));
  assert.ok((await found('toolkit_slug=notion&show_disabled=true')).includes(id));
  assert.deepEqual(await found('deprecated_status=DISABLED&deprecated_app_id=notion'), [id]);
});

/* ---- connected accounts ---- */

test('accounts: alias and credentials change in part', async () => {
  const { id } = await keyed('patched', { generic_api_key: 'abcdefgh', base_url: 'https://git.example' });
  const other = await keyed('patched');
  const changed = await client.connectedAccounts.patch(id, { alias: 'work',
    connection: { state: { authScheme: 'API_KEY', val: { generic_api_key: 'zyxwvuts' } } } });
  assert.deepEqual(changed, { success: true, id, status: 'ACTIVE' });
  const account = await ok('GET', `/connected_accounts/${id}`);
  assert.deepEqual([account.alias, account.state.val.generic_api_key, account.state.val.base_url],
    ['work', 'zyxw...', 'https://git.example']);

  const taken = await refusal(client.connectedAccounts.patch(other.id, { alias: 'work' }));
  assert.deepEqual([taken.status, taken.error.error.code], [400, 600]);
  assert.match(taken.message, /Alias \\?"work\\?" is already in use by another connection for this entity/);

  await client.connectedAccounts.patch(id, { alias: '', connection: { state: { authScheme: 'API_KEY', val: { base_url: null } } } });
  const cleared = await ok('GET', `/connected_accounts/${id}`);
  assert.equal(cleared.alias, null);
  assert.equal('base_url' in cleared.state.val, false);
  assert.equal(cleared.state.val.generic_api_key, 'zyxw...');
  await client.connectedAccounts.patch(other.id, { alias: 'work' });
});

test('the ACL of a shared account changes, a private one has none', async () => {
  const link = await ok('POST', '/connected_accounts/link', { auth_config_id: 'ac_sandbox_gmail', user_id: 'sharer',
    experimental: { account_type: 'SHARED', acl_config_for_shared: { allow_all_users: true } } });
  await client.connectedAccounts.patch(link.connected_account_id,
    { experimental: { acl_config_for_shared: { allowed_user_ids: ['ada'] } } });
  const account = await ok('GET', `/connected_accounts/${link.connected_account_id}`);
  assert.deepEqual(account.experimental, { account_type: 'SHARED',
    acl_config_for_shared: { allow_all_users: false, allowed_user_ids: ['ada'], not_allowed_user_ids: [] } });
  const refused = await refusal(client.connectedAccounts.patch(await begun('sharer'),
    { experimental: { acl_config_for_shared: { allow_all_users: true } } }));
  assert.equal(refused.status, 400);
});

test('accounts are found by every filter, in the order asked for', async () => {
  const first = await active('filtered', 'gmail');
  await advance(1);
  const second = await begun('filtered', 'slack');
  await advance(1);
  await setStatus(first, 'INACTIVE');
  const shared = await ok('POST', '/connected_accounts/link',
    { auth_config_id: 'ac_sandbox_gmail', user_id: 'filtered', experimental: { account_type: 'SHARED' } });
  const found = async (query) => (await ok('GET', `/connected_accounts?user_ids=filtered${query}`)).items.map((item) => item.id);
  assert.deepEqual(await found(''), [second, first], 'newest first, private ones');
  assert.deepEqual(await found('&order_direction=asc'), [first, second]);
  assert.deepEqual(await found('&order_by=updated_at'), [first, second]);
  assert.deepEqual(await found('&toolkit_slugs=slack'), [second]);
  assert.deepEqual(await found('&auth_config_ids=ac_sandbox_gmail'), [first]);
  assert.deepEqual(await found(`&connected_account_ids=${first},${shared.connected_account_id}`), [first]);
  assert.deepEqual(await found('&account_type=SHARED'), [shared.connected_account_id]);
  assert.equal((await found('&account_type=ALL')).length, 3);
  for (const statuses of ['statuses=INACTIVE,ACTIVE', 'statuses=ACTIVE&statuses=INACTIVE', 'statuses[]=INACTIVE', 'statuses%5B%5D=INACTIVE']) {
    assert.deepEqual(await found(`&${statuses}`), [first], statuses);
  }
});

test('pages of accounts: whole in every order, of all users and of some, with the total on each', async (t) => {
  const { url, stop } = await startSandbox();
  t.after(() => stop());
  await controlled('POST', 'seed', { accounts: Array.from({ length: 25 }, (_, i) =>
    ({ id: `ca_page_${i}`, auth_config_id: 'ac_sandbox_gmail', user_id: `user ${i % 2}`, status: i % 5 ? 'ACTIVE' : 'REVOKED' })) }, url);
  const page = (query, cursor = '') => ok('GET', `/connected_accounts?${query}${cursor && `&cursor=${cursor}`}`, undefined, url);
  const users = ['', '&user_ids=user 0', '&user_ids=user 0,user 1,nobody'];
  for (const [user, of] of [[users[0], [20, 25]], [users[1], [10, 13]], [users[2], [20, 25]]]) {
    for (const [status, total] of [['&statuses=ACTIVE', of[0]], ['', of[1]]]) {
      const orders = ['created_at', 'updated_at'].map((by) => ['asc', 'desc'].map((direction) => [by, direction])).flat();
      const sequences = [];
      for (const [by, direction] of orders) {
        const query = `limit=10&order_by=${by}&order_direction=${direction}${user}${status}`;
        const ids = [];
        let cursor = '';
        do {
          const { items, ...rest } = await page(query, cursor);
          assert.equal(rest.total_items, total, query);
          ids.push(...items.map(({ id }) => id));
          cursor = rest.next_cursor;
        } while (cursor);
        assert.equal(new Set(ids).size, total, query);
        sequences.push(direction === 'asc' ? ids : ids.reverse());
      }
      for (const sequence of sequences) assert.deepEqual(sequence, sequences[0], 'one order and its reverse');
    }
  }
  const beyond = await page('', Buffer.from('9-10').toString('base64'));
  assert.deepEqual([beyond.items, beyond.total_items, beyond.next_cursor], [[], 25, null]);
});

test('a delete that revokes says so in its job', async () => {
  const id = await active('revoker');
  const deleted = await client.connectedAccounts.delete(id, { revoke_on_delete: true });
  assert.equal(deleted.success, true);
  assert.match(deleted.revoke_job_id, /^rj_/);
  assert.equal('revoke_job_id' in await client.connectedAccounts.delete(await active('revoker')), false);

  const { auth_config: { id: config } } = await ok('POST', '/auth_configs', { toolkit: { slug: 'gmail' } });
  const link = await ok('POST', '/connected_accounts/link', { auth_config_id: config, user_id: 'revoker' });
  await setStatus(link.connected_account_id, 'ACTIVE');
  assert.match((await client.authConfigs.delete(config, { revoke_on_delete: true })).revoke_job_id, /^rj_/);
  const account = await ok('GET', `/connected_accounts/${link.connected_account_id}`);
  assert.deepEqual([account.status, account.status_reason, account.auth_config.is_disabled],
    ['REVOKED', 'Revoked as part of connection delete', true]);
});

/* ---- tools and toolkits ---- */

test('tools are found by every filter', async () => {
  const list = async (query) => (await ok('GET', `/tools?limit=1000&${query}`)).items;
  const slugs = async (query) => (await list(query)).map((tool) => tool.slug);
  const all = await list('');
  const where = (condition) => all.filter(condition).map((tool) => tool.slug);
  const rows = [
    ['toolkit_slug=slack', (tool) => tool.toolkit.slug === 'slack'],
    ['toolkit_slug=slack,GitHub', (tool) => ['slack', 'github'].includes(tool.toolkit.slug)],
    ['important=true', (tool) => tool.tags.includes('important')],
    ['tags=readOnlyHint', (tool) => tool.tags.includes('readOnlyHint')],
    ['tags=destructiveHint&tags=updateHint', (tool) => tool.tags.some((tag) => /^(destructive|update)Hint$/.test(tag))],
    ['scopes=repo,chat:write', (tool) => tool.scopes.some((scope) => ['repo', 'chat:write'].includes(scope))],
    ['include_deprecated=false', (tool) => !tool.is_deprecated],
    ['auth_config_ids=ac_sandbox_notion', (tool) => tool.toolkit.slug === 'notion'],
    ['toolkit_slug=gmail&tool_slugs=GITHUB_CREATE_AN_ISSUE', (tool) => tool.slug === 'GITHUB_CREATE_AN_ISSUE'],
  ];
  for (const [query, condition] of rows) {
    const expected = where(condition);
    assert.ok(expected.length > 0 && expected.length < all.length, query);
    assert.deepEqual(await slugs(query), expected, query);
  }
  assert.deepEqual(await slugs('query=send%20email&toolkit_slug=gmail'), await slugs('search=send%20email&toolkit_slug=gmail'));
  assert.ok((await slugs('query=send%20email')).includes('GMAIL_SEND_EMAIL'));
  const bySdk = await composio.tools.getRawComposioTools({ toolkits: ['slack'], scopes: ['channels:read'], limit: 50 });
  assert.deepEqual(bySdk.map((tool) => tool.slug), where((tool) => tool.scopes.includes('channels:read')));
});

test('versions: v3 has the first, v3.1 the latest, and names change between them', async () => {
  const version = async (path) => (await ok('GET', path)).version;
  assert.equal(await version('/tools/GMAIL_FETCH_EMAILS'), LATEST);
  assert.equal(await version('/api/v3/tools/GMAIL_FETCH_EMAILS'), FIRST);
  for (const asked of [`version=${FIRST}`, `toolkit_versions=${FIRST}`, `toolkit_versions[gmail]=${FIRST}`,
    `toolkit_versions%5Bgmail%5D=${FIRST}`, `toolkit_versions[]=${FIRST}`]) {
    assert.equal(await version(`/tools/GMAIL_FETCH_EMAILS?${asked}`), FIRST, asked);
  }
  assert.equal(await version(`/tools/GMAIL_FETCH_EMAILS?toolkit_versions[slack]=${FIRST}`), LATEST);
  assert.equal(await version('/api/v3/tools/GMAIL_FETCH_EMAILS?toolkit_versions=latest'), LATEST);

  const old = 'SLACK_FIND_USER_BY_EMAIL_ADDRESS', renamed = 'SLACK_FIND_USERS';
  const statuses = async (prefix, query = '') => Promise.all([old, renamed].map(
    async (slug) => (await api('GET', `${prefix}/tools/${slug}${query}`)).status));
  assert.deepEqual(await statuses('/api/v3.1'), [404, 200]);
  assert.deepEqual(await statuses('/api/v3'), [200, 404]);
  assert.deepEqual(await statuses('/api/v3.1', `?version=${FIRST}`), [200, 404]);
  assert.equal((await api('GET', `/tools/${old}`)).body.error.code, 2401);
  const pinned = new Composio({ apiKey: KEY, baseURL: sandbox.url, allowTracking: false, disableVersionCheck: true,
    toolkitVersions: { slack: FIRST } });
  const slugs = (await pinned.tools.getRawComposioTools({ toolkits: ['slack'], limit: 100 })).map((tool) => tool.slug);
  assert.ok(slugs.includes(old) && !slugs.includes(renamed), 'as the SDK encodes a version by toolkit');

  const user = 'versions';
  await active(user, 'slack');
  const run = (prefix, slug, version) => api('POST', `${prefix}/tools/execute/${slug}`,
    { user_id: user, version, arguments: { channel: 'general', text: 'x' } });
  assert.equal((await run('/api/v3.1', 'SLACK_SEND_MESSAGE')).status, 200);
  const refused = await run('/api/v3', 'SLACK_SEND_MESSAGE');
  assert.deepEqual([refused.status, refused.body.error.code], [404, 1800]);
  assert.equal((await run('/api/v3', 'SLACK_SEND_MESSAGE', 'latest')).status, 200);
});

test('what only v3.1 has is not in the answers of v3', async () => {
  await active('two versions');
  const tool = (prefix) => ok('GET', `${prefix}/tools/GMAIL_FETCH_EMAILS`);
  const toolkit = (prefix) => ok('GET', `${prefix}/toolkits/gmail`);
  const account = async (prefix) => (await ok('GET', `${prefix}/connected_accounts?user_ids=two+versions`)).items[0];
  for (const [read, newer, older] of [[tool, ['scope_requirements'], []],
    [toolkit, ['type', 'composio_managed_auth'], []],
    [account, ['word_id', 'alias', 'experimental'], ['deprecated']]]) {
    const [v3, v31] = [Object.keys(await read('/api/v3')), Object.keys(await read('/api/v3.1'))];
    for (const name of newer) assert.ok(v31.includes(name) && !v3.includes(name), name);
    for (const name of older) assert.ok(v3.includes(name) && !v31.includes(name), name);
  }
});

test('toolkits: filters, several at once, categories, changes, versions', async () => {
  const slugs = (list) => list.items.map((item) => item.slug);
  const list = async (query) => slugs(await ok('GET', `/toolkits?${query}`));
  const all = await list('');
  assert.deepEqual(await list('sort_by=alphabetically'), ['github', 'gmail', 'googlecalendar', 'notion', 'slack']);
  assert.deepEqual(await list('category=notes'), ['notion']);
  assert.deepEqual(await list('search=mail'), ['gmail']);
  assert.deepEqual(await list('managed_by=composio'), all);
  assert.deepEqual(await list('managed_by=project'), []);
  assert.deepEqual(await list('type=custom'), []);
  const page = await ok('POST', '/toolkits/multi', { toolkits: ['slack', 'GMAIL', 'none'], sort_by: 'alphabetically', limit: 1 });
  assert.deepEqual([slugs(page), page.total_items], [['gmail'], 2]);
  const rest = await ok('POST', '/toolkits/multi', { toolkits: ['slack', 'gmail'], sort_by: 'alphabetically', cursor: page.next_cursor });
  assert.deepEqual([slugs(rest), rest.next_cursor], [['slack'], null]);

  const categories = await client.toolkits.retrieveCategories();
  assert.ok(categories.items.some((category) => category.id === 'notes'));
  const { items } = await ok('GET', '/toolkits/changelog');
  const slack = items.find((item) => item.slug === 'slack');
  assert.deepEqual(slack.versions.map((entry) => entry.version), [LATEST, FIRST]);
  assert.match(slack.versions[0].changelog, /Added .*SLACK_FIND_USERS.*Removed SLACK_FIND_USER_BY_EMAIL_ADDRESS/);
  const [latest, first] = await Promise.all([ok('GET', '/toolkits/slack'), ok('GET', `/toolkits/slack?version=${FIRST}`)]);
  assert.deepEqual([latest.meta.version, first.meta.version], [LATEST, FIRST]);
  assert.ok(first.meta.tools_count < latest.meta.tools_count);
});

test('the scopes that tools need together', async () => {
  const answer = await ok('POST', '/tools/scopes/required', { tools: ['GMAIL_FETCH_EMAILS', 'GMAIL_GET_PROFILE', 'GMAIL_LIST_LABELS'] });
  const google = 'https://www.googleapis.com/auth';
  assert.deepEqual(answer.scopes_required, [`${google}/gmail.readonly`, `${google}/gmail.labels`]);
  assert.deepEqual(answer.per_tool_requirements[0], { tool: 'GMAIL_FETCH_EMAILS', scope_requirements: null });
});

test('arguments out of a text', async () => {
  const text = 'owner: ada, repo: website, title: "Commas, too"; labels: bug, urgent';
  const expected = { owner: 'ada', repo: 'website', title: 'Commas, too', labels: ['bug', 'urgent'] };
  assert.deepEqual((await composio.tools.getInput('GITHUB_CREATE_AN_ISSUE', { text })).arguments, expected);
  const missing = await composio.tools.getInput('GITHUB_CREATE_AN_ISSUE', { text: 'title: alone' });
  assert.match(missing.error, /'owner', 'repo'/);
  await active('ada', 'github');
  const executed = await ok('POST', '/tools/execute/GITHUB_CREATE_AN_ISSUE', { user_id: 'ada', text });
  assert.deepEqual([executed.successful, executed.data.title], [true, 'Commas, too']);
});

test('what a caller gets wrong is refused as the service refuses it', async () => {
  const { id } = await keyed('wrong');
  const github = await active('wrong', 'github');
  const proxied = { endpoint: '/user', method: 'GET', connected_account_id: github };
  const rows = [
    ['GET', '/tools?important=maybe', , 400, 'HTTP_BadRequest'],
    ['GET', '/tools?include_deprecated=2', , 400, 'HTTP_BadRequest'],
    ['GET', '/tools?limit=many', , 400, 'HTTP_BadRequest'],
    ['GET', '/tools?auth_config_ids=ac_none', , 404, 'AuthConfig_ResourceNotFound'],
    ['GET', '/toolkits?sort_by=size', , 400, 'HTTP_BadRequest'],
    ['GET', '/toolkits?search=ab', , 400, 'HTTP_BadRequest'],
    ['GET', '/toolkits/slack?version=19700101_00', , 404, 'Toolkit_ResourceNotFound'],
    ['POST', '/toolkits/multi', { limit: 'x' }, 400, 'HTTP_BadRequest'],
    ['POST', '/toolkits/multi', { cursor: 'x' }, 400, 'HTTP_BadRequest'],
    ['POST', '/tools/scopes/required', { tools: [] }, 400, 'HTTP_BadRequest'],
    ['POST', '/tools/scopes/required', { tools: ['GMAIL_SEND_EMAIL', 'SLACK_SEND_MESSAGE'] }, 400, 'HTTP_BadRequest'],
    ['POST', '/tools/scopes/required', { tools: ['SLACK_SEND_MESSAGE'], version: FIRST }, 404, 'Tool_ToolNotFound'],
    ['POST', '/tools/execute/NOTHING_AT_ALL/input', { text: 'x' }, 404, 'ActionExecute_ToolNotFound'],
    ['POST', '/tools/execute/GMAIL_SEND_EMAIL/input', {}, 400, 'HTTP_BadRequest'],
    ['POST', '/tools/execute/GMAIL_SEND_EMAIL/input', { text: 'x'.repeat(40_000) }, 400, 'HTTP_BadRequest'],
    ['POST', '/tools/execute/GMAIL_SEND_EMAIL', { user_id: 'u', text: 'x', arguments: {} }, 400, 'HTTP_BadRequest'],
    ['GET', '/connected_accounts?statuses=PENDING', , 400, 'HTTP_BadRequest'],
    ['GET', '/connected_accounts?order_by=name', , 400, 'HTTP_BadRequest'],
    ['GET', '/connected_accounts?account_type=MINE', , 400, 'HTTP_BadRequest'],
    ['DELETE', `/connected_accounts/${id}?revoke_on_delete=perhaps`, , 400, 'HTTP_BadRequest'],
    ['PATCH', '/connected_accounts/ca_none', { alias: 'x' }, 404, 'ConnectedAccount_ResourceNotFound'],
    ['PATCH', `/connected_accounts/${id}`, { alias: 1 }, 400, 'HTTP_BadRequest'],
    ['PATCH', `/connected_accounts/${id}`, { connection: { state: { authScheme: 'OAUTH2', val: {} } } }, 400, 'HTTP_BadRequest'],
    ['PATCH', `/connected_accounts/${id}`, { connection: { state: { authScheme: 'BASIC', val: {} } } }, 400, 'ConnectedAccount_BadRequest'],
    ['PATCH', `/connected_accounts/${id}`, { connection: { state: { authScheme: 'API_KEY', val: { x: 1 } } } }, 400, 'ConnectedAccount_BadRequest'],
    ['PATCH', '/auth_configs/ac_none', { type: 'default' }, 404, 'AuthConfig_ResourceNotFound'],
    ['PATCH', '/auth_configs/ac_sandbox_gmail', {}, 400, 'HTTP_BadRequest'],
    ['PATCH', '/auth_configs/ac_sandbox_gmail', { type: 'custom' }, 400, 'HTTP_BadRequest'],
    ['PATCH', '/auth_configs/ac_sandbox_gmail', { type: 'default', name: '' }, 400, 'HTTP_BadRequest'],
    ['PATCH', '/auth_configs/ac_sandbox_gmail', { type: 'default', scopes: 7 }, 400, 'HTTP_BadRequest'],
    ['PATCH', '/auth_configs/ac_sandbox_gmail', { type: 'default', tool_access_config: [] }, 400, 'HTTP_BadRequest'],
    ['DELETE', '/auth_configs/ac_none?revoke_on_delete=true', , 404, 'AuthConfig_ResourceNotFound'],
    ['POST', '/tools/execute/proxy', { ...proxied, method: 'TRACE' }, 400, 'HTTP_BadRequest'],
    ['POST', '/tools/execute/proxy', { ...proxied, endpoint: '' }, 400, 'HTTP_BadRequest'],
    ['POST', '/tools/execute/proxy', { ...proxied, parameters: [{ name: 'a', type: 'cookie', value: 'b' }] }, 400, 'HTTP_BadRequest'],
    ['POST', '/tools/execute/proxy', { ...proxied, parameters: [{ name: 'a', type: 'query' }] }, 400, 'HTTP_BadRequest'],
    ['POST', '/tools/execute/proxy', { ...proxied, connected_account_id: undefined }, 400, 'MissingAuthContext'],
    ['POST', '/tools/execute/proxy', { ...proxied, connected_account_id: 'ca_none' }, 404, 'ConnectedAccount_ResourceNotFound'],
    ['POST', '/tools/execute/proxy', { ...proxied, binary_body: { base64: 'AA==' } }, 501, 'HTTP_NotImplemented'],
    ...['https://example.com/user', 'http://api.github.com/user', '//api.github.com/user', 'https://api.github.com@example.com/',
      'https://api.github.com.example.com/', 'https://notgithub.com/', 'https://example.com\\@api.github.com/',
      'https://example.com#.github.com/user', 'file:///etc/passwd', 'https://'].map((endpoint) =>
      ['POST', '/tools/execute/proxy', { ...proxied, endpoint }, 400, 'OriginMismatch']),
    ['POST', '/webhook_subscriptions', { enabled_events: [EXPIRED] }, 400, 'HTTP_BadRequest'],
    ['POST', '/webhook_subscriptions', { webhook_url: 'http://app.example/', enabled_events: [EXPIRED] }, 400, 'HTTP_BadRequest'],
    ['POST', '/webhook_subscriptions', { webhook_url: 'https://app.example/' }, 400, 'HTTP_BadRequest'],
    ['POST', '/webhook_subscriptions', { webhook_url: 'https://app.example/', enabled_events: [] }, 400, 'HTTP_BadRequest'],
    ['POST', '/webhook_subscriptions', { webhook_url: 'https://app.example/', enabled_events: ['composio.none'] }, 400, 'HTTP_BadRequest'],
    ['POST', '/webhook_subscriptions', { webhook_url: 'https://app.example/', enabled_events: [EXPIRED], version: 'V4' }, 400, 'HTTP_BadRequest'],
    ['GET', '/webhook_subscriptions/ws_none', , 404, 'HTTP_NotFound'],
    ['PATCH', '/webhook_subscriptions/ws_none', { version: 'V3' }, 404, 'HTTP_NotFound'],
    ['DELETE', '/webhook_subscriptions/ws_none', , 404, 'HTTP_NotFound'],
    ['POST', '/webhook_subscriptions/ws_none/rotate_secret', , 404, 'HTTP_NotFound'],
  ];
  for (const [method, path, body, status, slug] of rows) {
    const reply = await api(method, path, body);
    const what = `${method} ${path} ${JSON.stringify(body)}: ${JSON.stringify(reply.body)}`.slice(0, 600);
    assert.deepEqual([reply.status, reply.body.error?.slug], [status, slug], what);
    assert.equal(reply.body.error.status, status);
    assert.ok(reply.body.error.request_id && reply.body.error.suggested_fix, what);
  }
  await setStatus(github, 'EXPIRED');
  assert.equal((await api('POST', '/tools/execute/proxy', proxied)).status, 422);
});

/* ---- the proxy ---- */

test('the proxy answers a provider\'s own paths from the account\'s world', async () => {
  const user = 'proxy';
  const accounts = {};
  for (const toolkit of ['gmail', 'googlecalendar', 'slack', 'notion', 'github']) accounts[toolkit] = await active(user, toolkit);
  const proxy = (toolkit, method, endpoint, more = {}) =>
    composio.tools.proxyExecute({ connectedAccountId: accounts[toolkit], method, endpoint, ...more });

  const profile = await proxy('gmail', 'GET', 'https://gmail.googleapis.com/gmail/v1/users/me/profile');
  assert.deepEqual([profile.status, profile.data.emailAddress], [200, 'proxy@example.com']);
  assert.match(profile.headers['content-type'], /^application\/json/);
  assert.ok((await proxy('gmail', 'GET', '/gmail/v1/users/me/labels')).data.labels.some((label) => label.id === 'INBOX'));
  const calendars = await proxy('googlecalendar', 'GET', '/users/me/calendarList');
  assert.equal(calendars.data.items[0].id, 'proxy@example.com');
  assert.equal('nextPageToken' in calendars.data, false);
  assert.equal((await proxy('googlecalendar', 'GET', '/calendars/primary/events?maxResults=1')).data.items.length, 1);
  const paged = await proxy('googlecalendar', 'GET', '/calendars/primary/events',
    { parameters: [{ in: 'query', name: 'maxResults', value: 2 }] });
  assert.equal(paged.data.items.length, 2);
  const removed = await proxy('googlecalendar', 'DELETE', `/calendars/primary/events/${paged.data.items[0].id}`);
  assert.deepEqual([removed.status, removed.data], [204, undefined]);

  assert.equal((await proxy('slack', 'POST', '/auth.test')).data.ok, true);
  assert.ok((await proxy('slack', 'GET', '/conversations.list')).data.channels.length > 1);
  const said = await proxy('slack', 'POST', '/chat.postMessage', { body: { channel: '#general', text: 'through the proxy' } });
  const history = await proxy('slack', 'GET', '/conversations.history', { parameters: [{ in: 'query', name: 'channel', value: said.data.channel }] });
  assert.equal(history.data.messages[0].text, 'through the proxy');
  const tool = await composio.tools.execute('SLACK_SEARCH_MESSAGES', { userId: user, version: LATEST, arguments: { query: 'through the proxy' } });
  assert.equal(tool.data.messages.total, 1, 'tools and the proxy see one world');

  const found = (await proxy('notion', 'POST', '/v1/search', { body: {} })).data.results.map((result) => result.object);
  assert.ok(found.includes('page') && found.includes('database'));
  const databases = await proxy('notion', 'POST', '/v1/search', { body: { filter: { property: 'object', value: 'database' }, page_size: 1 } });
  assert.deepEqual(databases.data.results.map((result) => result.object), ['database']);
  assert.equal((await proxy('notion', 'GET', '/v1/users/me')).data.person.email, 'proxy@example.com');

  assert.equal((await proxy('github', 'GET', '/user')).data.login, 'proxy');
  const issue = await proxy('github', 'POST', '/repos/proxy/website/issues', { body: { title: 'By the proxy' } });
  assert.deepEqual([issue.status, issue.data.title], [201, 'By the proxy']);
  const comment = await proxy('github', 'POST', `/repos/proxy/website/issues/${issue.data.number}/comments`, { body: { body: 'Seen' } });
  assert.deepEqual([comment.status, comment.data.body], [201, 'Seen']);
  const head = await ok('POST', '/tools/execute/proxy', { endpoint: '/user', method: 'HEAD', connected_account_id: accounts.github });
  assert.deepEqual([head.status, 'data' in head], [200, false]);
});

test('what a provider does not have is refused in its own words', async () => {
  const refused = async (toolkit, method, endpoint, body) => {
    const { status, data } = await ok('POST', '/tools/execute/proxy',
      { endpoint, method, body, connected_account_id: await active('refused', toolkit) });
    return [status, data];
  };
  const [status, google] = await refused('gmail', 'GET', '/gmail/v1/users/me/none');
  assert.deepEqual([status, google.error.code, google.error.status], [404, 404, 'NOT_FOUND']);
  assert.equal((await refused('gmail', 'GET', 'https://docs.googleapis.com/v1/documents'))[0], 404, 'another API of the domain');
  assert.deepEqual(await refused('slack', 'POST', '/no.such'), [200, { ok: false, error: 'unknown_method' }]);
  assert.deepEqual(await refused('slack', 'POST', '/chat.postMessage', { channel: 'none', text: 'x' }), [200, { ok: false, error: 'channel_not_found' }]);
  assert.equal((await refused('notion', 'GET', '/v1/none'))[1].code, 'object_not_found');
  assert.equal((await refused('github', 'GET', '/repos/refused/none'))[1].message, 'Not Found');
  assert.equal((await refused('github', 'POST', '/repos/refused/website/issues', {}))[0], 400);
});

/* ---- webhooks ---- */

/** A receiver that keeps what comes and answers as told; `next()` resolves with the next message not yet taken. */
async function receiver(t) {
  const waiting = [], kept = [];
  const it = { status: 200, count: 0, next: () => (kept.length > 0 ? Promise.resolve(kept.shift()) : new Promise((give) => waiting.push(give))) };
  const server = createServer((request, reply) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const message = { headers: request.headers, body: Buffer.concat(chunks) };
      it.count++;
      reply.writeHead(it.status).end();
      if (waiting.length > 0) waiting.shift()(message); else kept.push(message);
    });
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  t.after(() => { server.close(); server.closeAllConnections?.(); });
  it.url = `http://127.0.0.1:${server.address().port}/hooks`;
  it.close = () => new Promise((closed) => server.close(closed));
  return it;
}

/** As a receiver of one's own would: the secret's bytes as they are, constant time, five minutes. */
function genuine({ headers, body }, secret) {
  const expected = createHmac('sha256', Buffer.from(secret, 'utf8'))
    .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`).update(body).digest();
  const fresh = Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp'])) <= 300;
  return fresh && headers['webhook-signature'].split(' ').some((entry) => {
    const given = Buffer.from(entry.replace(/^v1,/, ''), 'base64');
    return entry.startsWith('v1,') && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

const bySdk = ({ headers, body }, secret) => composio.triggers.verifyWebhook({ payload: body.toString(), secret,
  signature: headers['webhook-signature'], id: headers['webhook-id'], timestamp: headers['webhook-timestamp'] });

/** The project's subscription, gone with the test. */
async function subscribe(t, receiving, events = [EXPIRED], version = 'V3', url = sandbox.url) {
  const subscription = await ok('POST', '/webhook_subscriptions', { webhook_url: receiving.url, enabled_events: events, version }, url);
  t.after(() => api('DELETE', `/webhook_subscriptions/${subscription.id}`, undefined, url).catch(() => {}));
  return subscription;
}

const messages = async (url) => (await controlled('GET', 'webhooks', undefined, url)).items;
const message = async (id, url) => (await messages(url)).find((item) => item.id === id);

test('a project has one webhook subscription, which is changed, rotated and deleted', async (t) => {
  const body = { webhook_url: 'https://app.example/hooks', enabled_events: [EXPIRED, TRIGGER] };
  const made = await api('POST', '/webhook_subscriptions', body);
  t.after(() => api('DELETE', `/webhook_subscriptions/${made.body.id}`));
  assert.deepEqual([made.status, made.body.version, made.body.enabled_events], [201, 'V3', [EXPIRED, TRIGGER]]);
  assert.match(made.body.id, /^ws_/);
  assert.ok(made.body.secret.length >= 32);
  const second = await api('POST', '/webhook_subscriptions', body);
  assert.deepEqual([second.status, second.body.error.slug], [409, 'HTTP_Conflict']);
  const path = `/webhook_subscriptions/${made.body.id}`;
  assert.deepEqual(await ok('GET', path), made.body);
  assert.deepEqual((await ok('GET', '/webhook_subscriptions')).items, [made.body]);
  assert.equal((await api('PATCH', path, {})).status, 400);
  const changed = await ok('PATCH', path, { enabled_events: [TRIGGER] });
  assert.deepEqual([changed.enabled_events, changed.webhook_url, changed.secret], [[TRIGGER], body.webhook_url, made.body.secret]);
  const bySetting = await composio.triggers.setWebhookSubscription({ webhookUrl: 'https://app.example/other', version: 'V2' });
  assert.equal(bySetting.id, made.body.id, 'the SDK changes the one there is');
  const rotated = await ok('POST', `${path}/rotate_secret`);
  assert.notEqual(rotated.secret, made.body.secret);
  assert.deepEqual([(await ok('GET', path)).secret, (await ok('GET', path)).version], [rotated.secret, 'V2']);
  assert.deepEqual(await ok('DELETE', path), { success: true });
  assert.equal((await api('GET', path)).status, 404);
  assert.deepEqual((await ok('GET', '/webhook_subscriptions')).items, []);
  const { items } = await ok('GET', '/webhook_subscriptions/event_types');
  assert.deepEqual(items.find((item) => item.event_type === EXPIRED).supported_versions, ['V3']);
});

test('an account that was ACTIVE and expires tells so, signed', async (t) => {
  const receiving = await receiver(t);
  const { secret } = await subscribe(t, receiving);
  const id = await active('expiring');
  await setStatus(id, 'EXPIRED', 'Permanent auth error during token refresh');
  const came = await receiving.next();
  assert.ok(genuine(came, secret));
  assert.ok(!genuine(came, `${secret}x`));
  assert.ok(!genuine({ ...came, body: Buffer.concat([came.body, Buffer.from(' ')]) }, secret));
  assert.match(came.headers['webhook-id'], /^msg_/);
  assert.equal(came.headers['x-composio-webhook-version'], 'V3');
  assert.equal(came.headers['content-type'], 'application/json');
  const envelope = JSON.parse(came.body);
  assert.deepEqual(Object.keys(envelope), ['id', 'timestamp', 'type', 'metadata', 'data']);
  assert.deepEqual([envelope.id, envelope.type], [came.headers['webhook-id'], EXPIRED]);
  assert.deepEqual([envelope.data.id, envelope.data.user_id, envelope.data.status, envelope.data.status_reason],
    [id, 'expiring', 'EXPIRED', 'Permanent auth error during token refresh']);
  assert.deepEqual(envelope.data, (({ params, ...rest }) => rest)(await ok('GET', `/connected_accounts/${id}`)), 'the account\'s object');
  const verified = await bySdk(came, secret);
  assert.deepEqual([verified.version, verified.rawPayload.data.id], ['V3', id]);
  await refusal(bySdk(came, `${secret}x`));
});

test('expiring by the clock tells too, each expiry once; what never was ACTIVE, or is no OAuth2, tells nothing', async (t) => {
  const receiving = await receiver(t);
  await subscribe(t, receiving);
  const [id, never] = [await active('clock'), await begun('clock')];
  const { id: key } = await keyed('clock');
  await ok('POST', `/connected_accounts/${id}/refresh`);
  await setStatus(key, 'EXPIRED');
  await advance(599);
  assert.deepEqual((await messages()).filter((item) => [id, never, key].some((account) => item.body.includes(account))), []);
  await advance(1);
  assert.deepEqual((({ data }) => [data.id, data.status, data.status_reason])(JSON.parse((await receiving.next()).body)),
    [id, 'EXPIRED', 'Connection initiation did not complete within 10 minutes']);
  await advance(3600);
  await setStatus(id, 'EXPIRED');
  await setStatus(id, 'ACTIVE');
  await setStatus(id, 'EXPIRED');
  await receiving.next();
  const told = (await messages()).filter((item) => [id, never, key].some((account) => item.body.includes(account)));
  assert.equal(told.length, 2);
  assert.ok(told.every((item) => item.body.includes(id)));
});

test('data as deep as JSON goes keeps no message back', async (t) => {
  const receiving = await receiver(t);
  const { secret } = await subscribe(t, receiving);
  let deep = 1;
  for (let depth = 0; depth < 61; depth++) deep = { deep };
  const { connected_account_id: id } = await ok('POST', '/connected_accounts/link',
    { auth_config_id: 'ac_sandbox_gmail', user_id: 'deep', connection_data: { deep } });
  await setStatus(id, 'ACTIVE');
  await setStatus(id, 'EXPIRED');
  const came = await receiving.next();
  assert.ok(genuine(came, secret));
  assert.equal(JSON.parse(came.body).data.id, id);
});

test('nobody is told who did not ask: other events, another version, no subscription', async (t) => {
  const receiving = await receiver(t);
  const before = (await messages()).length;
  await setStatus(await active('untold'), 'EXPIRED');
  const { id } = await subscribe(t, receiving, [TRIGGER]);
  await setStatus(await active('untold'), 'EXPIRED');
  await ok('PATCH', `/webhook_subscriptions/${id}`, { enabled_events: [EXPIRED], version: 'V2' });
  await setStatus(await active('untold'), 'EXPIRED');
  assert.deepEqual([(await messages()).length, receiving.count], [before, 0]);
});

test('a message is sent again under its id until it arrives, at the latest when it is told to', async (t) => {
  const receiving = await receiver(t);
  const { id: subscription, secret } = await subscribe(t, receiving);
  receiving.status = 503;
  await setStatus(await active('retried'), 'EXPIRED');
  const first = await receiving.next();
  const id = first.headers['webhook-id'];
  const failed = await until('the failure is noted', async () => ((item) => item.attempts === 1 && item)(await message(id)));
  assert.deepEqual([failed.status, failed.http_status], ['PENDING', 503]);
  assert.ok(Date.parse(failed.next_attempt_at) > Date.parse(failed.updated_at));
  await advance(6);
  const second = await receiving.next();
  assert.deepEqual([second.headers['webhook-id'], second.body], [id, first.body]);
  assert.ok(genuine(second, secret));

  const rotated = await ok('POST', `/webhook_subscriptions/${subscription}/rotate_secret`);
  receiving.status = 204;
  await until('the second failure is noted', async () => (await message(id)).attempts === 2);
  const delivered = await controlled('POST', `webhooks/${id}/redeliver`);
  assert.deepEqual([delivered.status, delivered.http_status, delivered.attempts, delivered.next_attempt_at], ['DELIVERED', 204, 3, null]);
  assert.ok(genuine(await receiving.next(), rotated.secret), 'signed with the secret there is now');
  await advance(7200);
  assert.equal((await controlled('POST', `webhooks/${id}/redeliver`)).attempts, 4, 'nothing was sent meanwhile');
  assert.equal((await receiving.next()).headers['webhook-id'], id);
  assert.equal((await control(sandbox.url, 'POST', 'webhooks/msg_none/redeliver')).status, 404);
});

test('a receiver that never answers well is given up', async (t) => {
  const receiving = await receiver(t);
  await subscribe(t, receiving);
  receiving.status = 500;
  await setStatus(await active('given up'), 'EXPIRED');
  const id = (await receiving.next()).headers['webhook-id'];
  for (let attempts = 1; attempts < 6; attempts++) {
    await until(`attempt ${attempts} is noted`, async () => (await message(id)).attempts === attempts);
    await advance(1801);
    assert.equal((await receiving.next()).headers['webhook-id'], id);
  }
  const over = await until('it is given up', async () => ((item) => item.status === 'FAILED' && item)(await message(id)));
  assert.deepEqual([over.attempts, over.next_attempt_at], [6, null]);
});

test('a receiver that cannot be reached is a failure that says so', async (t) => {
  const receiving = await receiver(t);
  await subscribe(t, receiving);
  await receiving.close();
  const failed = await controlled('POST', 'webhooks', { type: EXPIRED, data: { id: 'ca_x' } });
  assert.deepEqual([failed.status, failed.http_status, failed.attempts], ['PENDING', null, 1]);
  assert.match(failed.problem, /127\.0\.0\.1/);
});

test('any event in any envelope, on demand', async (t) => {
  const receiving = await receiver(t);
  const { id: subscription, secret } = await subscribe(t, receiving, [EXPIRED], 'V1');
  const id = await active('on demand');
  const send = async (body) => {
    const sent = await controlled('POST', 'webhooks', body);
    assert.equal(sent.status, 'DELIVERED');
    const came = await receiving.next();
    assert.equal(came.headers['webhook-id'], sent.id);
    assert.equal(came.headers['x-composio-webhook-version'], sent.version);
    assert.ok(genuine(came, secret));
    return came;
  };
  const trigger = { type: TRIGGER, connected_account_id: id, data: { subject: 'Hello' }, metadata: { trigger_slug: 'GMAIL_NEW', trigger_id: 'ti_1' } };
  for (const version of ['V1', 'V2', 'V3']) {
    await ok('PATCH', `/webhook_subscriptions/${subscription}`, { version });
    const { version: seen, payload } = await bySdk(await send(trigger), secret);
    assert.equal(seen, version);
    assert.deepEqual([payload.triggerSlug, payload.metadata.connectedAccount.id, payload.payload.subject], ['GMAIL_NEW', id, 'Hello']);
    assert.equal(payload.userId, version === 'V1' ? '' : 'on demand', 'V1 has no user');
  }
  const envelope = JSON.parse((await send({ type: 'composio.something.new', data: { a: 1 } })).body);
  assert.deepEqual([envelope.type, envelope.data], ['composio.something.new', { a: 1 }]);
  assert.equal(JSON.parse((await send({ type: EXPIRED, connected_account_id: id })).body).data.id, id);
  await ok('PATCH', `/webhook_subscriptions/${subscription}`, { version: 'V2' });
  assert.equal((await control(sandbox.url, 'POST', 'webhooks', { type: EXPIRED })).status, 400);
  await ok('DELETE', `/webhook_subscriptions/${subscription}`);
  assert.equal((await control(sandbox.url, 'POST', 'webhooks', trigger)).status, 404);
});

test('a message survives the end of the sandbox', async (t) => {
  const receiving = await receiver(t);
  const dir = tempDir();
  const args = ['--database', join(dir, 'sandbox.db')];
  let own = await startSandbox({ dir, args });
  t.after(() => own.stop());
  const { secret } = await subscribe(t, receiving, [EXPIRED], 'V3', own.url);
  receiving.status = 500;
  await setStatus(await active('survivor', 'gmail', own.url), 'EXPIRED', undefined, own.url);
  const id = (await receiving.next()).headers['webhook-id'];
  await own.stop('SIGKILL');
  receiving.status = 200;
  own = await startSandbox({ dir, args });
  await advance(6, own.url);
  const again = await receiving.next();
  assert.equal(again.headers['webhook-id'], id);
  assert.ok(genuine(again, secret));
  await until('it is noted', async () => (await message(id, own.url)).status === 'DELIVERED');
});
