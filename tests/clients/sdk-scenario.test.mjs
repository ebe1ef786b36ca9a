/* A scenario of Composio's official clients against the sandbox, over every area, with no change but the base URL:
 * @composio/core, what apps use, and @composio/client, the API as it is. The latter goes through both versions of the API.
 * Errors must come out as the classes by which callers branch. Further areas: a function more in `areas`. */
import Client from '@composio/client';
import * as sdk from '@composio/core';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { startSandbox } from '../harness.mjs';
import { consent, control, refusal } from './flow.mjs';

const KEY = 'ak_scenario';
const CALLS_LEAST = 60;
const UNREACHABLE = 'http://127.0.0.1:1'; // tcpmux: nobody listens
// The SDK brings an older generation of the client, whose errors it throws and whose classes these are.
const inner = await import(pathToFileURL(createRequire(createRequire(import.meta.url).resolve('@composio/core'))
  .resolve('@composio/client').replace(/\.js$/, '.mjs')));

let sandbox, core;
let calls = 0;
before(async () => {
  sandbox = await startSandbox();
  core = coreOf();
});
after(() => sandbox.stop());

const coreOf = (options) => new sdk.Composio(
  { apiKey: KEY, baseURL: sandbox.url, allowTracking: false, disableVersionCheck: true, ...options });
/** The low-level client at a version of the API. */
const clientOf = (version, options) => new Client({ apiKey: KEY, baseURL: sandbox.url, maxRetries: 0,
  fetch: (url, init) => fetch(String(url).replace('/api/v3.1/', `/api/${version}/`), init), ...options });

/** Counts a call of the scenario. */
const did = (promise) => {
  calls++;
  return promise;
};
/** Counts a call that must fail, with an error of that class. */
async function fails(promise, kind, check = {}) {
  const error = await refusal(did(promise));
  assert.ok(error instanceof kind, `${error.constructor.name} in place of ${kind.name}: ${error.message}`);
  for (const [name, value] of Object.entries(check)) assert.equal(error[name], value, name);
  return error;
}
const back = (url) => Object.fromEntries(new URL(url).searchParams);
const ids = ({ items }) => items.map(({ id }) => id);

/** An ACTIVE account of the user, by a browser's consent. */
async function linked(user, authConfig = 'ac_sandbox_gmail') {
  const request = await did(core.connectedAccounts.link(user, authConfig, { callbackUrl: 'http://127.0.0.1/back?x=1' }));
  assert.deepEqual(back(await consent(request.redirectUrl, 'Approve')),
    { x: '1', status: 'success', connected_account_id: request.id });
  return did(request.waitForConnection(10_000));
}

/* ---- @composio/core ---- */

const coreAreas = {
  async 'auth configs'() {
    const made = await did(core.authConfigs.create('slack', { type: 'use_composio_managed_auth', name: 'of the scenario' }));
    const custom = await did(core.authConfigs.create('github', { type: 'use_custom_auth', name: 'own app', authScheme: 'OAUTH2',
      credentials: { client_id: 'id', client_secret: 'a secret' } }));
    assert.deepEqual([made.isComposioManaged, custom.isComposioManaged], [true, false]);
    assert.ok(ids(await did(core.authConfigs.list({ toolkit: 'slack' }))).includes(made.id));
    assert.equal((await did(core.authConfigs.get(made.id))).name, 'of the scenario');
    await did(core.authConfigs.disable(made.id));
    assert.equal((await did(core.authConfigs.get(made.id))).status, 'DISABLED');
    await fails(core.connectedAccounts.link('nobody', made.id), sdk.ComposioFailedToCreateConnectedAccountLink);
    await did(core.authConfigs.enable(made.id));
    for (const { id } of [made, custom]) await did(core.authConfigs.delete(id));
    await fails(core.authConfigs.get(made.id), inner.NotFoundError, { status: 404 });
    await fails(core.authConfigs.create('slack', { type: 'nothing' }), sdk.ValidationError);
  },

  async 'toolkits'() {
    assert.equal((await did(core.toolkits.get('notion'))).slug, 'notion');
    assert.ok((await did(core.toolkits.get({ limit: 3 }))).length > 0);
    assert.ok(Array.isArray(await did(core.toolkits.getAuthConfigCreationFields('gmail', 'OAUTH2'))));
    assert.ok(Array.isArray(await did(core.toolkits.getConnectedAccountInitiationFields('gmail', 'OAUTH2'))));
    // Not ComposioToolkitNotFoundError: 0.17.0 looks for the error class of another package.
    const unknown = await fails(core.toolkits.get('no_such_toolkit'), sdk.ComposioToolkitFetchError);
    assert.ok(unknown.cause instanceof inner.NotFoundError);
    // It calls an endpoint that serves auth configs of one's own alone.
    await fails(core.toolkits.authorize('authorized', 'gmail'), sdk.ComposioLegacyConnectedAccountsEndpointRetiredError);
    const { id } = await did(core.authConfigs.create('github', { type: 'use_custom_auth', name: 'own app', authScheme: 'OAUTH2',
      credentials: { client_id: 'id', client_secret: 'a secret' } }));
    const request = await did(core.toolkits.authorize('authorized', 'github', id));
    await consent(request.redirectUrl, 'Approve');
    assert.equal((await did(request.waitForConnection(10_000))).status, 'ACTIVE');
    await did(core.authConfigs.delete(id));
  },

  async 'connected accounts'() {
    const account = await linked('core user');
    assert.equal(account.status, 'ACTIVE');
    const list = await did(core.connectedAccounts.list({ userIds: ['core user'], authConfigIds: ['ac_sandbox_gmail'] }));
    assert.deepEqual(ids(list), [account.id]);
    assert.deepEqual(ids(await did(core.connectedAccounts.list({ userIds: ['core user'], statuses: ['EXPIRED'] }))), []);
    await fails(core.connectedAccounts.link('core user', 'ac_sandbox_gmail'), sdk.ComposioMultipleConnectedAccountsError);
    await fails(core.connectedAccounts.initiate('retired', 'ac_sandbox_gmail'),
      sdk.ComposioLegacyConnectedAccountsEndpointRetiredError);
    await did(core.connectedAccounts.disable(account.id));
    assert.equal((await did(core.connectedAccounts.get(account.id))).status, 'INACTIVE');
    await did(core.connectedAccounts.enable(account.id));
    await did(core.connectedAccounts.refresh(account.id));
    await did(core.connectedAccounts.delete(account.id));
    await fails(core.connectedAccounts.get(account.id), inner.NotFoundError, { status: 404 });
    await fails(core.connectedAccounts.waitForConnection(account.id, 2000), sdk.ComposioConnectedAccountNotFoundError);
  },

  async 'a consent that is denied, and one that never comes'() {
    const denied = await did(core.connectedAccounts.link('denier', 'ac_sandbox_gmail', { callbackUrl: 'http://127.0.0.1/back' }));
    assert.equal(back(await consent(denied.redirectUrl, 'Deny')).status, 'failed');
    assert.equal((await did(core.connectedAccounts.get(denied.id))).status, 'FAILED');
    await fails(denied.waitForConnection(5000), sdk.ConnectionRequestFailedError);
    const left = await did(core.connectedAccounts.link('leaver', 'ac_sandbox_gmail'));
    await fails(left.waitForConnection(1), sdk.ConnectionRequestTimeoutError);
  },

  async 'tools'() {
    const { id } = await linked('tools user');
    const [first] = await did(core.tools.getRawComposioTools({ toolkits: ['gmail'], limit: 3 }));
    assert.equal(first.toolkit.slug, 'gmail');
    assert.equal((await did(core.tools.getRawComposioTools({ tools: ['GMAIL_FETCH_EMAILS', 'GITHUB_CREATE_AN_ISSUE'] }))).length, 2);
    assert.ok((await did(core.tools.getRawComposioTools({ search: 'email' }))).length > 0);
    const { version } = await did(core.tools.getRawComposioToolBySlug('GMAIL_FETCH_EMAILS'));
    const [wrapped] = await did(core.tools.get('tools user', 'GMAIL_FETCH_EMAILS'));
    assert.equal(wrapped.function.name, 'GMAIL_FETCH_EMAILS', 'in the form of the default provider, OpenAI');
    const given = { userId: 'tools user', connectedAccountId: id, version, arguments: { max_results: 2 } };
    const found = await did(core.tools.execute('GMAIL_FETCH_EMAILS', given));
    assert.equal(found.data.messages.length, 2);
    await did(core.tools.execute('GMAIL_SEND_EMAIL',
      { ...given, arguments: { recipient_email: 'ada@example.com', subject: 'By the SDK', body: 'x' } }));
    const sent = await did(core.tools.execute('GMAIL_FETCH_EMAILS', { ...given, arguments: { query: 'subject:"By the SDK"' } }));
    assert.equal(sent.data.messages.length, 1);
    const wrong = await did(core.tools.execute('GMAIL_FETCH_EMAILS', { ...given, arguments: { max_results: 'many' } }));
    assert.equal(wrong.successful, false);
    await fails(core.tools.getRawComposioToolBySlug('GMAIL_NOTHING'), sdk.ComposioToolNotFoundError);
    await fails(core.tools.execute('GMAIL_NOTHING', given), sdk.ComposioToolNotFoundError);
    await fails(core.tools.execute('GMAIL_FETCH_EMAILS', { ...given, version: undefined }), sdk.ComposioToolVersionRequiredError);
    const refused = async (change, status, code) => {
      const error = await fails(core.tools.execute('GMAIL_FETCH_EMAILS', { ...given, ...change }), sdk.ComposioToolExecutionError);
      assert.ok(error.cause instanceof inner.APIError);
      assert.deepEqual([error.cause.status, error.cause.error.error.code], [status, code]);
    };
    await refused({ connectedAccountId: 'ca_none' }, 404, 1810);
    await refused({ userId: 'somebody else' }, 400, 1812);
    await control(sandbox.url, 'POST', `accounts/${id}`, { status: 'EXPIRED' });
    await refused({}, 410, 1820);
  },

  async 'MCP servers'() {
    const server = await did(core.mcp.create('core scenario', {
      toolkits: [{ toolkit: 'gmail', authConfigId: 'ac_sandbox_gmail' }], allowedTools: ['GMAIL_FETCH_EMAILS'] }));
    assert.match((await did(server.generate('mcp user'))).url, new RegExp(server.id));
    assert.match((await did(core.mcp.generate('mcp user', server.id))).url, new RegExp(server.id));
    assert.equal((await did(core.mcp.get(server.id))).name, 'core scenario');
    assert.ok(ids(await did(core.mcp.list({ toolkits: ['gmail'] }))).includes(server.id));
    assert.equal((await did(core.mcp.update(server.id, { name: 'core renamed' }))).name, 'core renamed');
    await did(core.mcp.delete(server.id));
    await fails(core.mcp.get(server.id), inner.NotFoundError, { status: 404 });
    await fails(core.mcp.create('no toolkits', {}), sdk.ValidationError);
  },

  async 'the rest of auth configs, toolkits, tools and webhooks'() {
    const { id } = await did(core.authConfigs.create('github', { type: 'use_custom_auth', name: 'own app', authScheme: 'OAUTH2',
      credentials: { client_id: 'id', client_secret: 'a secret' } }));
    await did(core.authConfigs.update(id, { type: 'custom', credentials: { client_id: 'another' } }));
    assert.equal((await did(core.authConfigs.get(id))).credentials.client_id, 'another');
    await did(core.authConfigs.delete(id));
    assert.ok((await did(core.toolkits.listCategories())).items.length > 0);
    const account = await linked('proxy user', 'ac_sandbox_github');
    const answer = await did(core.tools.proxyExecute({ endpoint: '/user', method: 'GET', connectedAccountId: account.id }));
    assert.equal(answer.status, 200);
    assert.ok((await did(core.tools.getInput('GMAIL_FETCH_EMAILS', { text: 'the last 3 mails' }))).arguments);
    const subscription = await did(core.triggers.setWebhookSubscription({ webhookUrl: `${UNREACHABLE}/hook`,
      enabledEvents: ['composio.connected_account.expired'] }));
    assert.match(subscription.id, /^ws_/);
  },

  async 'keys, outages and limits'() {
    const read = (options) => core.authConfigs.get('ac_sandbox_gmail', options);
    const once = { maxRetries: 0 };
    await fails(coreOf({ apiKey: 'wrong' }).authConfigs.list(), inner.AuthenticationError, { status: 401 });
    for (const [status, kind] of [[400, inner.BadRequestError], [403, inner.PermissionDeniedError], [409, inner.ConflictError],
      [422, inner.UnprocessableEntityError], [429, inner.RateLimitError], [500, inner.InternalServerError]]) {
      await withFault({ status }, () => fails(read(once), kind, { status }));
    }
    await withFault({ reset: true }, () => fails(read(once), inner.APIConnectionError));
    await withFault({ status: 503, retry_after: 1 }, () => did(read()), 1); // tried again, as told
    await fails(coreOf({ baseURL: UNREACHABLE }).toolkits.get('gmail', once), sdk.ComposioToolkitFetchError);
  },
};

/** With a fault at reading auth configs, `times` or always. */
async function withFault(fault, body, times) {
  await control(sandbox.url, 'POST', 'faults', [{ match: { path: '/auth_configs' }, fault, times }]);
  try {
    await body();
  } finally {
    await control(sandbox.url, 'DELETE', 'faults');
  }
}

/* ---- @composio/client ---- */

const clientAreas = {
  async 'auth configs'(client) {
    const { auth_config: { id } } = await did(client.authConfigs.create({ toolkit: { slug: 'github' }, auth_config: {
      type: 'use_custom_auth', authScheme: 'OAUTH2', name: 'own app', credentials: { client_id: 'id', client_secret: 'a secret' } } }));
    assert.ok(ids(await did(client.authConfigs.list({ toolkit_slug: 'github', is_composio_managed: false }))).includes(id));
    assert.ok(!JSON.stringify(await did(client.authConfigs.retrieve(id))).includes('a secret'));
    await did(client.authConfigs.updateStatus('DISABLED', { nanoid: id }));
    assert.ok(!ids(await did(client.authConfigs.list({ toolkit_slug: 'github' }))).includes(id));
    assert.ok(ids(await did(client.authConfigs.list({ toolkit_slug: 'github', show_disabled: true }))).includes(id));
    await did(client.authConfigs.delete(id));
    await fails(client.authConfigs.retrieve(id), Client.NotFoundError, { status: 404 });
    await fails(client.authConfigs.create({ toolkit: { slug: 'no_such' } }), Client.NotFoundError);
  },

  async 'pages of a list'(client) {
    const first = await did(client.tools.list({ toolkit_slug: 'gmail', limit: 2 }));
    const second = await did(client.tools.list({ toolkit_slug: 'gmail', limit: 2, cursor: first.next_cursor }));
    assert.equal(first.items.length + second.items.length, 4);
    assert.equal(new Set([...first.items, ...second.items].map(({ slug }) => slug)).size, 4);
    await fails(client.tools.list({ toolkit_slug: 'gmail', cursor: 'nonsense' }), Client.BadRequestError, { status: 400 });
  },

  async 'connected accounts'(client, version, user) {
    const link = await did(client.link.create({ auth_config_id: 'ac_sandbox_gmail', user_id: user, alias: 'work', callback_url: 'myapp://back' }));
    const id = link.connected_account_id;
    assert.equal((await did(client.connectedAccounts.retrieve(id))).status, 'INITIALIZING');
    assert.match(await consent(link.redirect_url, 'Approve'), /^myapp:\/\/back\?status=success/);
    assert.equal((await did(client.connectedAccounts.retrieve(id))).status, 'ACTIVE');
    const listed = await did(client.connectedAccounts.list({ user_ids: [user], auth_config_ids: ['ac_sandbox_gmail'],
      statuses: ['ACTIVE'], order_by: 'created_at', order_direction: 'asc', limit: 10 }));
    assert.deepEqual(ids(listed), [id]);
    await did(client.connectedAccounts.updateStatus(id, { enabled: false }));
    assert.equal((await did(client.connectedAccounts.retrieve(id))).status, 'INACTIVE');
    await did(client.connectedAccounts.updateStatus(id, { enabled: true }));
    const again = await did(client.link.create({ auth_config_id: 'ac_sandbox_gmail', user_id: user }));
    assert.notEqual(again.connected_account_id, id);
    if (version === 'v3.1') { // newer than v3
      assert.deepEqual((await did(client.connectedAccounts.revoke(id))).connected_account, { id, status: 'REVOKED' });
      assert.equal((await did(client.connectedAccounts.retrieve(id))).status, 'REVOKED');
      await fails(client.connectedAccounts.revoke(again.connected_account_id), Client.ConflictError, { status: 409 });
    } else {
      assert.equal((await did(client.connectedAccounts.refresh(id))).id, id);
    }
    for (const one of [id, again.connected_account_id]) assert.equal((await did(client.connectedAccounts.delete(one))).success, true);
    await fails(client.connectedAccounts.retrieve(id), Client.NotFoundError, { status: 404 });
    await fails(client.connectedAccounts.delete(id), Client.NotFoundError);
    await fails(client.link.create({ auth_config_id: 'ac_none', user_id: user }), Client.NotFoundError);
    await fails(client.link.create({ auth_config_id: 'ac_sandbox_gmail' }), Client.BadRequestError);
  },

  async 'accounts by a key of the user'(client, version, user) {
    const { auth_config: { id: authConfig } } = await did(client.authConfigs.create({ toolkit: { slug: 'github' }, auth_config: {
      type: 'use_custom_auth', authScheme: 'API_KEY', name: 'by key', credentials: {} } }));
    const made = await did(client.connectedAccounts.create({ auth_config: { id: authConfig }, connection: { user_id: user,
      state: { authScheme: 'API_KEY', val: { status: 'ACTIVE', generic_api_key: 'a key of the user' } } } }));
    assert.equal(made.status, 'ACTIVE');
    const read = await did(client.connectedAccounts.retrieve(made.id));
    assert.ok(!JSON.stringify(read).includes('a key of the user'));
    await fails(client.connectedAccounts.create({ auth_config: { id: 'ac_sandbox_gmail' }, connection: { user_id: user } }),
      Client.BadRequestError, { status: 400 });
    await did(client.connectedAccounts.delete(made.id));
    await did(client.authConfigs.delete(authConfig));
  },

  async 'toolkits and tools'(client, version, user) {
    assert.equal((await did(client.toolkits.retrieve('slack'))).slug, 'slack');
    assert.ok((await did(client.toolkits.list({ search: 'mail', limit: 5 }))).items.length > 0);
    await fails(client.toolkits.retrieve('no_such'), Client.NotFoundError);
    const tool = await did(client.tools.retrieve('GITHUB_CREATE_AN_ISSUE'));
    assert.equal(tool.toolkit.slug, 'github');
    assert.ok((await did(client.tools.retrieveEnum())).includes('GITHUB_CREATE_AN_ISSUE'));
    await fails(client.tools.retrieve('GITHUB_NOTHING'), Client.NotFoundError);
    const account = await linked(user, 'ac_sandbox_github');
    const run = (slug, more) => client.tools.execute(slug, { user_id: user, connected_account_id: account.id, ...more });
    assert.equal((await did(run('GITHUB_GET_THE_AUTHENTICATED_USER', { arguments: {} }))).successful, true);
    await fails(run('GITHUB_NOTHING', { arguments: {} }), Client.NotFoundError);
    await fails(run('GITHUB_GET_THE_AUTHENTICATED_USER', { user_id: 'somebody else' }), Client.BadRequestError);
    await did(client.connectedAccounts.updateStatus(account.id, { enabled: false }));
    await fails(run('GITHUB_GET_THE_AUTHENTICATED_USER', { arguments: {} }), Client.UnprocessableEntityError, { status: 422 });
    await did(client.connectedAccounts.delete(account.id));
  },

  async 'MCP servers'(client, version, user) {
    const account = await linked(user);
    const server = await did(client.mcp.create({ name: `scenario ${version.slice(1).replace('.', '-')}`,
      auth_config_ids: ['ac_sandbox_gmail'], allowed_tools: ['GMAIL_FETCH_EMAILS'] }));
    const custom = await did(client.mcp.custom.create({ name: `custom ${version.slice(1).replace('.', '-')}`, toolkits: ['github'] }));
    assert.deepEqual((await did(client.mcp.retrieve(server.id))).allowed_tools, ['GMAIL_FETCH_EMAILS']);
    assert.ok(ids(await did(client.mcp.list({ name: 'scenario', page_no: 1, limit: 50 }))).includes(server.id));
    assert.ok(ids(await did(client.mcp.retrieveApp('gmail', {}))).includes(server.id));
    const urls = await did(client.mcp.generate.url({ mcp_server_id: server.id, user_ids: [user], managed_auth_by_composio: false }));
    assert.match(urls.user_ids_url[0], new RegExp(server.id));
    const instance = await did(client.mcp.createInstance(server.id, { user_id: user }));
    await fails(client.mcp.createInstance(server.id, { user_id: user }), Client.ConflictError, { status: 409 });
    assert.equal((await did(client.mcp.listInstances(server.id, {}))).instances.length, 1);
    await did(client.mcp.deleteInstance(instance.instance_id, { serverId: server.id }));
    await fails(client.connectedAccounts.retrieve(account.id), Client.NotFoundError); // so it is documented
    assert.equal((await did(client.mcp.update(server.id, { name: 'scenario renamed' }))).name, 'scenario renamed');
    for (const { id } of [server, custom]) await did(client.mcp.delete(id));
    await fails(client.mcp.retrieve(server.id), Client.NotFoundError);
    await fails(client.mcp.create({ name: 'x', auth_config_ids: [] }), Client.BadRequestError);
  },

  async 'changes in part'(client, version, user) {
    const { auth_config: { id: authConfig } } = await did(client.authConfigs.create({ toolkit: { slug: 'github' }, auth_config: {
      type: 'use_custom_auth', authScheme: 'OAUTH2', name: 'own app', credentials: { client_id: 'id', client_secret: 'a secret' } } }));
    await did(client.authConfigs.update(authConfig, { type: 'custom', name: 'renamed' }));
    assert.equal((await did(client.authConfigs.retrieve(authConfig))).name, 'renamed');
    await fails(client.authConfigs.update('ac_none', { type: 'custom' }), Client.NotFoundError);
    await did(client.authConfigs.delete(authConfig));
    if (version === 'v3') return; // accounts cannot be changed there
    const account = await linked(`changer ${user}`);
    assert.equal((await did(client.connectedAccounts.patch(account.id, { alias: 'mine' }))).id, account.id);
    assert.equal((await did(client.connectedAccounts.retrieve(account.id))).alias, 'mine');
    await did(client.connectedAccounts.delete(account.id));
  },

  async 'the rest of toolkits and tools'(client, version, user) {
    assert.ok((await did(client.toolkits.retrieveCategories())).items.length > 0);
    assert.ok((await did(client.toolkits.retrieveChangelog())).items.length > 0);
    const several = await did(client.toolkits.retrieveMulti({ toolkits: ['gmail', 'slack'] }));
    assert.deepEqual(several.items.map(({ slug }) => slug).sort(), ['gmail', 'slack']);
    if (version === 'v3.1') assert.ok((await did(client.tools.retrieveRequiredScopes({ tools: ['GMAIL_FETCH_EMAILS'] }))));
    assert.ok((await did(client.tools.getInput('GMAIL_FETCH_EMAILS', { text: 'the last 3 mails' }))).arguments);
    const account = await linked(`proxy ${user}`, 'ac_sandbox_github');
    const proxied = await did(client.tools.proxy({ endpoint: '/user', method: 'GET', connected_account_id: account.id }));
    assert.equal(proxied.status, 200);
    await fails(client.tools.proxy({ endpoint: 'https://elsewhere.example/', method: 'GET', connected_account_id: account.id }),
      Client.BadRequestError);
    await did(client.connectedAccounts.delete(account.id));
  },

  async 'webhook subscriptions'(client, version) {
    if (version === 'v3') return; // newer than v3
    for (const { id } of (await did(client.webhookSubscriptions.list())).items) await did(client.webhookSubscriptions.delete(id));
    const [{ event_type: event }] = (await did(client.webhookSubscriptions.listEventTypes())).items;
    const made = await did(client.webhookSubscriptions.create({ webhook_url: `${UNREACHABLE}/hook`, enabled_events: [event] }));
    await fails(client.webhookSubscriptions.create({ webhook_url: `${UNREACHABLE}/2`, enabled_events: [event] }), Client.ConflictError);
    await fails(client.webhookSubscriptions.create({ webhook_url: 'no URL', enabled_events: [event] }), Client.BadRequestError);
    const changed = await did(client.webhookSubscriptions.update(made.id, { webhook_url: `${UNREACHABLE}/other` }));
    assert.equal(changed.webhook_url, `${UNREACHABLE}/other`);
    assert.notEqual((await did(client.webhookSubscriptions.rotateSecret(made.id))).secret, made.secret);
    assert.equal((await did(client.webhookSubscriptions.retrieve(made.id))).id, made.id);
    await did(client.webhookSubscriptions.delete(made.id));
    await fails(client.webhookSubscriptions.retrieve(made.id), Client.NotFoundError);
  },

  async 'keys, outages and limits'(client, version) {
    await fails(clientOf(version, { apiKey: 'wrong' }).toolkits.list(), Client.AuthenticationError, { status: 401 });
    await fails(clientOf(version, { baseURL: UNREACHABLE }).toolkits.list(), Client.APIConnectionError);
    for (const [status, kind] of [[403, Client.PermissionDeniedError], [429, Client.RateLimitError], [502, Client.InternalServerError]]) {
      await withFault({ status }, () => fails(client.authConfigs.list(), kind, { status }));
    }
    await withFault({ latency_ms: 60_000 }, () => fails(clientOf(version, { timeout: 50 }).authConfigs.list(), Client.APIConnectionTimeoutError));
    const controller = new AbortController();
    const aborted = client.toolkits.list({}, { signal: controller.signal });
    controller.abort();
    await fails(aborted, Client.APIUserAbortError);
  },
};

test('the scenario', async (t) => {
  for (const [area, body] of Object.entries(coreAreas)) await t.test(`@composio/core: ${area}`, body);
  for (const version of ['v3.1', 'v3']) {
    for (const [area, body] of Object.entries(clientAreas)) {
      await t.test(`@composio/client, ${version}: ${area}`, () => body(clientOf(version), version, `user of ${version}`));
    }
  }
  assert.ok(calls >= CALLS_LEAST, `${calls} calls`);
  t.diagnostic(`${calls} calls`);
});
