/* The sandbox as a tool of tests: its consent pages without a browser, project settings, seeds, faults, journal, clock. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run, startSandbox, tempDir } from '../harness.mjs';
import { consent, control } from './flow.mjs';

let sandbox;
before(async () => { sandbox = await startSandbox(); });
after(() => sandbox.stop());

const BACK = 'http://127.0.0.1/back?x=1';

/** A call of the API: [status, body]. */
async function api(method, path, body, { url = sandbox.url, version = 'v3.1', headers = { 'x-api-key': 'ak_test' } } = {}) {
  const reply = await fetch(`${url}/api/${version}${path}`, {
    method, headers: { 'content-type': 'application/json', ...headers }, body: body && JSON.stringify(body) });
  return [reply.status, await reply.json()];
}

/** A sandbox of the test's own. */
async function own(t, options) {
  const started = await startSandbox(options);
  t.after(() => started.stop());
  return started;
}

async function ordered(method, path, body, url = sandbox.url) {
  const reply = await control(url, method, path, body);
  const answer = await reply.json();
  assert.equal(reply.status, 200, JSON.stringify(answer));
  return answer;
}

let users = 0;
const somebody = () => `somebody-${++users}`;

async function link(user, { config = 'ac_sandbox_gmail', callback_url = BACK, url, ...rest } = {}) {
  const [status, made] = await api('POST', '/connected_accounts/link', { auth_config_id: config, user_id: user, callback_url, ...rest }, { url });
  assert.equal(status, 201, JSON.stringify(made));
  return made;
}

const account = async (id, url) => (await api('GET', `/connected_accounts/${id}`, undefined, { url }))[1];

/** What a form posts. */
const press = (url, fields, headers = {}) =>
  fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual', headers });

async function execute(tool, user, parameters = {}, url) {
  const [status, body] = await api('POST', `/tools/execute/${tool}`, { user_id: user, arguments: parameters }, { url });
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.successful, true, JSON.stringify(body));
  return body.data;
}

/* ---- consent pages ---- */

test('close decides nothing: the flow stays open, and expires', async (t) => {
  const { url } = await own(t);
  const made = await link('closer', { url });
  await fetch(made.redirect_url);
  const closed = await press(made.redirect_url, { decision: 'close' });
  assert.equal(closed.status, 200);
  assert.equal(closed.headers.get('location'), null);
  assert.equal((await account(made.connected_account_id, url)).status, 'INITIATED');
  const back = await press(made.redirect_url, { decision: 'approve' });
  assert.equal(back.status, 302, 'the link is still good');

  const other = await link('closer', { url });
  await press(other.redirect_url, { decision: 'close' });
  await ordered('POST', 'clock', { advance_seconds: 601 }, url);
  const expired = await account(other.connected_account_id, url);
  assert.deepEqual([expired.status, expired.status_reason],
    ['EXPIRED', 'Connection initiation did not complete within 10 minutes']);
  assert.equal((await press(other.redirect_url, { decision: 'approve' })).status, 410);
});

test('one of several accounts at the provider is picked, or another one is named', async () => {
  const user = somebody();
  const profile = async (id) => {
    const [, body] = await api('POST', '/tools/execute/GMAIL_GET_PROFILE', { user_id: user, connected_account_id: id, arguments: {} });
    return body.data.emailAddress;
  };
  const first = await link(user);
  await consent(first.redirect_url, 'Approve');
  assert.equal(await profile(first.connected_account_id), `${user}@example.com`);

  const second = await link(user);
  await press(second.redirect_url, { decision: 'approve', account: '', other: 'work@corp.example' });
  assert.equal(await profile(second.connected_account_id), 'work@corp.example');

  const third = await link(user);
  const page = await (await fetch(third.redirect_url)).text();
  const offered = [...page.matchAll(/type="radio" name="account" value="([^"]*)"/g)].map(([, value]) => value);
  assert.deepEqual(offered, [`${user}+2@example.com`, 'work@corp.example', `${user}@example.com`, '']);
  await press(third.redirect_url, { decision: 'approve', account: 'work@corp.example' });
  assert.equal(await profile(third.connected_account_id), 'work@corp.example');
});

test('an API key is asked for by the fields of the toolkit, and never shown again', async () => {
  const [, made] = await api('POST', '/auth_configs', { toolkit: { slug: 'notion' },
    auth_config: { type: 'use_custom_auth', authScheme: 'API_KEY' } });
  const { redirect_url, connected_account_id } = await link(somebody(), { config: made.auth_config.id });
  const page = await (await fetch(redirect_url)).text();
  assert.match(page, /<label for="generic_api_key">Internal integration secret<\/label>/);
  assert.match(page, /name="val.generic_api_key"[^>]*type="password" required>/);
  const empty = await press(redirect_url, { decision: 'approve', 'val.generic_api_key': '' });
  assert.equal(empty.status, 400);
  assert.match(await empty.text(), /role="alert">Internal integration secret: please fill it in/);
  const done = await press(redirect_url, { decision: 'approve', 'val.generic_api_key': 'secret_0123456789' });
  assert.equal(new URL(done.headers.get('location')).searchParams.get('status'), 'success');
  const active = await account(connected_account_id);
  assert.deepEqual([active.status, active.state.val.generic_api_key], ['ACTIVE', 'secr...']);

  await ordered('POST', 'project', { mask_secret_keys_in_connected_account: false });
  assert.equal((await account(connected_account_id)).state.val.generic_api_key, 'secret_0123456789');
  await ordered('POST', 'project', { mask_secret_keys_in_connected_account: null });
  assert.equal((await account(connected_account_id)).state.val.generic_api_key, 'secr...');
});

test('the retired create call comes back in its own spelling', async () => {
  const [, config] = await api('POST', '/auth_configs', { toolkit: { slug: 'github' },
    auth_config: { type: 'use_custom_auth', authScheme: 'OAUTH2', credentials: { client_id: 'i', client_secret: 's' } } });
  const [status, made] = await api('POST', '/connected_accounts', { auth_config: { id: config.auth_config.id },
    connection: { user_id: somebody(), callback_url: BACK } });
  assert.equal(status, 201);
  const back = new URL(await consent(made.redirect_url, 'Approve'));
  assert.deepEqual(Object.fromEntries(back.searchParams),
    { x: '1', status: 'success', connectedAccountId: made.id, appName: 'github' });
});

test('with an origin of its own the provider sends the browser back through Composio', async (t) => {
  const { url } = await own(t, { args: ['--consent-listen', '127.0.0.1:0'] });
  const follow = async (made, button) => {
    const hop = await fetch(made.redirect_url, { redirect: 'manual' });
    const provider = hop.headers.get('location');
    assert.notEqual(new URL(provider).origin, url);
    const page = await fetch(provider);
    assert.equal(page.headers.get('cross-origin-opener-policy'), 'same-origin');
    const callback = new URL(await consent(provider, button));
    assert.equal(callback.origin + callback.pathname, `${url}/api/v3.1/toolkits/auth/callback`);
    assert.equal((await account(made.connected_account_id, url)).status, 'INITIATED');
    const back = await fetch(callback, { redirect: 'manual' });
    assert.equal((await fetch(callback, { redirect: 'manual' })).status, 410, 'once');
    return new URL(back.headers.get('location')).searchParams.get('status');
  };
  const approved = await link('far', { url }), denied = await link('far', { url });
  assert.equal(await follow(approved, 'Approve'), 'success');
  assert.equal((await account(approved.connected_account_id, url)).status, 'ACTIVE');
  assert.equal(await follow(denied, 'Deny'), 'failed');
  assert.equal((await account(denied.connected_account_id, url)).status, 'FAILED');
  assert.equal((await fetch(`${url}/api/v3.1/toolkits/auth/callback?state=lk_nope&code=a@b`)).status, 400);
});

/* ---- the project ---- */

test('project config: read, changed, refused, the newer settings on v3.1 alone', async () => {
  const [status, config] = await api('GET', '/org/project/config');
  assert.equal(status, 200);
  assert.deepEqual(config, { is_2FA_enabled: false, display_name: 'Sandbox', mask_secret_keys_in_connected_account: true,
    log_visibility_setting: 'show_all', require_mcp_api_key: true, is_composio_link_enabled_for_managed_auth: true,
    signed_url_file_expiry_in_seconds: 3600 });
  const [, older] = await api('GET', '/org/project/config', undefined, { version: 'v3' });
  assert.equal(older.signed_url_file_expiry_in_seconds, undefined);
  assert.equal((await api('PATCH', '/org/project/config', { display_name: 'Older' }, { version: 'v3' }))[1].display_name, 'Older');
  const [, changed] = await api('PATCH', '/org/project/config', { display_name: 'Mine', verifier_url: 'http://a/', unknown: 1 });
  assert.equal(changed.display_name, 'Mine');
  assert.equal((await ordered('GET', 'project')).verifier_url, null, 'the dashboard\'s is not the API\'s');
  for (const bad of [{ is_2FA_enabled: 'yes' }, { log_visibility_setting: 'some' }, { signed_url_file_expiry_in_seconds: 0 },
    { display_name: null }]) {
    assert.equal((await api('PATCH', '/org/project/config', bad))[0], 400, JSON.stringify(bad));
  }
  for (const bad of [{ verifier_url: 'javascript://x' }, { same_browser: 1 }, { nonsense: true }, [1]]) {
    assert.equal((await control(sandbox.url, 'POST', 'project', bad)).status, 400, JSON.stringify(bad));
  }
  assert.equal((await api('GET', '/org/project/config'))[1].display_name, 'Mine');
  await ordered('POST', 'project', { display_name: null });
});

test('MCP URLs ask for the key unless the project says otherwise', async (t) => {
  const { url } = await own(t);
  const list = (headers) => fetch(`${url}/v3/mcp/00000000-0000-0000-0000-000000000000?user_id=u`, { method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }) });
  assert.equal((await list()).status, 401);
  await api('PATCH', '/org/project/config', { require_mcp_api_key: false }, { url });
  assert.equal((await list()).status, 404, 'it is only that there is no such server');
  assert.equal((await list({ 'x-api-key': 'wrong' })).status, 401, 'a key that is sent must be right');
});

/* ---- identity verification, same-browser binding ---- */

test('identity verification: ACTIVE only when the right user is confirmed, once, within ten minutes', async (t) => {
  const { url } = await own(t);
  await ordered('POST', 'project', { verifier_url: 'http://127.0.0.1/verify?app=1#f' }, url);
  const confirm = (session_uri, user_id) => api('POST', '/connected_accounts/complete_auth', { session_uri, user_id }, { url });
  const consented = async (user) => {
    const made = await link(user, { url });
    const there = new URL(await consent(made.redirect_url, 'Approve'));
    assert.deepEqual([...there.searchParams.keys()], ['app', 'session_uri']);
    assert.equal(there.hash, '#f');
    assert.equal((await account(made.connected_account_id, url)).status, 'INITIATED');
    return [made.connected_account_id, there.searchParams.get('session_uri')];
  };

  const [id, session] = await consented('ada');
  const [status, done] = await confirm(session, 'ada');
  assert.equal(status, 200);
  assert.deepEqual([done.connected_account_id, done.toolkit_slug, done.connected_account.id, done.connected_account.status],
    [id, 'gmail', id, 'ACTIVE']);
  assert.equal((await confirm(session, 'ada'))[0], 404, 'once');
  assert.equal((await confirm('urn:nothing', 'ada'))[0], 404);
  assert.equal((await confirm(session))[0], 400);

  const [stolen, other] = await consented('ada');
  assert.equal((await confirm(other, 'eve'))[0], 400);
  assert.equal((await account(stolen, url)).status, 'FAILED');
  assert.equal((await confirm(other, 'ada'))[0], 404, 'used up by the mismatch');

  const [late, expired] = await consented('ada');
  await ordered('POST', 'clock', { advance_seconds: 601 }, url);
  assert.equal((await confirm(expired, 'ada'))[0], 404);
  assert.equal((await account(late, url)).status, 'EXPIRED');

  const denied = await link('ada', { url });
  assert.equal(new URL(await consent(denied.redirect_url, 'Deny')).searchParams.get('status'), 'failed', 'a refusal goes to the app');
});

test('of two confirmations at a time one is taken', async (t) => {
  const { url } = await own(t);
  await ordered('POST', 'project', { verifier_url: 'http://127.0.0.1/verify' }, url);
  const made = await link('ada', { url });
  const session_uri = new URL(await consent(made.redirect_url, 'Approve')).searchParams.get('session_uri');
  const answers = await Promise.all(Array.from({ length: 8 }, () =>
    api('POST', '/connected_accounts/complete_auth', { session_uri, user_id: 'ada' }, { url })));
  assert.deepEqual(answers.map(([status]) => status).sort(), [200, 404, 404, 404, 404, 404, 404, 404]);
});

test('same-browser binding: a consent in another browser is refused, the flow expires', async (t) => {
  const { url } = await own(t);
  await ordered('POST', 'project', { same_browser: true }, url);
  const made = await link('ada', { url });
  const opened = await fetch(made.redirect_url);
  const cookie = opened.headers.get('set-cookie').split(';')[0];
  assert.match(opened.headers.get('set-cookie'), /; HttpOnly; SameSite=Lax$/);
  assert.equal((await fetch(made.redirect_url)).headers.get('set-cookie'), null, 'the first one is it');
  for (const headers of [{}, { cookie: 'sandbox_browser=guess' }]) {
    for (const decision of ['approve', 'deny']) {
      assert.equal((await press(made.redirect_url, { decision }, headers)).status, 403);
    }
  }
  assert.equal((await account(made.connected_account_id, url)).status, 'INITIATED');
  assert.equal((await press(made.redirect_url, { decision: 'approve' }, { cookie: `a=b; ${cookie}` })).status, 302);
  assert.equal((await account(made.connected_account_id, url)).status, 'ACTIVE');

  const unopened = await link('ada', { url });
  assert.equal((await press(unopened.redirect_url, { decision: 'approve' }, { cookie })).status, 403);
  await ordered('POST', 'clock', { advance_seconds: 601 }, url);
  assert.equal((await account(unopened.connected_account_id, url)).status, 'EXPIRED');
});

/* ---- seeds ---- */

const SEED = {
  clock: { now: '2027-03-01T09:00:00Z' },
  project: { display_name: 'Seeded' },
  auth_configs: [
    { id: 'ac_notion_key', toolkit: 'notion', auth_scheme: 'API_KEY', name: 'Notion by key' },
    { id: 'ac_off', toolkit: 'slack', status: 'DISABLED' },
  ],
  accounts: [
    { id: 'ca_ada_mail', auth_config_id: 'ac_sandbox_gmail', user_id: 'ada', email: 'ada@corp.example', alias: 'work' },
    { id: 'ca_ada_old', auth_config_id: 'ac_sandbox_gmail', user_id: 'ada', status: 'EXPIRED',
      status_reason: 'Permanent auth error during token refresh', email: 'ada@home.example', created_at: '2027-01-01T00:00:00Z' },
    { id: 'ca_ada_notes', auth_config_id: 'ac_notion_key', user_id: 'ada', data: { generic_api_key: 'secret_abcdef' } },
    { id: 'ca_bob_chat', auth_config_id: 'ac_sandbox_slack', user_id: 'bob', email: 'bob@corp.example' },
    { id: 'ca_bob_code', auth_config_id: 'ac_sandbox_github', user_id: 'bob', email: 'bob@corp.example' },
    { id: 'ca_begun', auth_config_id: 'ac_sandbox_gmail', user_id: 'cleo', status: 'INITIATED' },
  ],
  worlds: [
    { user_id: 'ada', toolkit: 'gmail', email: 'ada@corp.example', things: [
      { kind: 'mail', minutes: -30, body: { from: 'Eve <eve@x.example>', to: 'ada@corp.example', subject: 'Only mail', text: 'Hi {{email}}', labels: ['INBOX', 'UNREAD'] } },
    ] },
    { user_id: 'bob', toolkit: 'slack', email: 'bob@corp.example', things: [
      { kind: 'channel', id: 'C0SUPPORT', body: { name: 'support' } },
      { kind: 'message', parent: 'C0SUPPORT', minutes: -5, body: { user: 'U0EVE', text: 'It is broken' } },
      { kind: 'message', parent: 'C0SUPPORT', minutes: -5, body: { user: 'U0EVE', text: 'Never mind' } },
    ] },
    { user_id: 'bob', toolkit: 'github', email: 'bob@corp.example', things: [
      { kind: 'repository', id: 'bob/tool', body: { description: 'A tool' } },
      { kind: 'issue', parent: 'bob/tool', body: { title: 'First', state: 'open', labels: [{ name: 'bug' }] } },
      { kind: 'issue', parent: 'bob/tool', body: { title: 'Second', state: 'open' } },
    ] },
  ],
  faults: [{ match: { path: '/toolkits', user: 'nobody' }, fault: { status: 503 } }],
};

async function assertSeeded(url) {
  const ada = (await api('GET', '/connected_accounts?user_ids=ada&order_direction=asc', undefined, { url }))[1].items;
  assert.deepEqual(ada.map((item) => [item.id, item.status, item.alias]).sort(),
    [['ca_ada_mail', 'ACTIVE', 'work'], ['ca_ada_notes', 'ACTIVE', null], ['ca_ada_old', 'EXPIRED', null]]);
  const old = await account('ca_ada_old', url);
  assert.deepEqual([old.status_reason, old.created_at], ['Permanent auth error during token refresh', '2027-01-01T00:00:00.000Z']);
  assert.equal((await account('ca_ada_notes', url)).state.val.generic_api_key, 'secr...');
  assert.equal((await api('GET', '/auth_configs/ac_off', undefined, { url }))[1].status, 'DISABLED');
  assert.equal((await api('GET', '/org/project/config', undefined, { url }))[1].display_name, 'Seeded');
  const { messages } = await execute('GMAIL_FETCH_EMAILS', 'ada', { max_results: 50 }, url);
  assert.deepEqual(messages.map((mail) => [mail.subject, mail.messageText]), [['Only mail', 'Hi {{email}}']], 'its mails alone, as they stand');
  const labels = await execute('GMAIL_LIST_LABELS', 'ada', {}, url);
  assert.match(JSON.stringify(labels), /Receipts/, 'what is not in the seed is furnished as usual');
  const chat = await execute('SLACK_FETCH_CONVERSATION_HISTORY', 'bob', { channel: 'support' }, url);
  assert.deepEqual(chat.messages.map((message) => message.text).sort(), ['It is broken', 'Never mind']);
  const issues = await execute('GITHUB_LIST_REPOSITORY_ISSUES', 'bob', { owner: 'bob', repo: 'tool', per_page: 30 }, url);
  assert.deepEqual(issues.issues.map((issue) => [issue.number, issue.title]).sort(), [[1, 'First'], [2, 'Second']]);
}

test('a seed brings what it says, and may be applied twice', async (t) => {
  const { url } = await own(t);
  for (let i = 0; i < 2; i++) {
    await ordered('POST', 'seed', SEED, url);
    await assertSeeded(url);
  }
  const { now } = await ordered('GET', 'clock', undefined, url);
  assert.match(now, /^2027-03-01T09:0/);
  assert.equal((await ordered('GET', 'faults', undefined, url)).length, 2);
  const begun = await account('ca_begun', url);
  const back = new URL(await consent(begun.state.val.redirectUrl, 'Approve').catch(() => null) ?? url);
  assert.equal(back.origin, url, 'without a callback the page stays');
  assert.equal((await account('ca_begun', url)).status, 'ACTIVE');
  await ordered('POST', 'reset', undefined, url);
  assert.equal((await api('GET', '/connected_accounts/ca_ada_mail', undefined, { url }))[0], 404);
  assert.equal((await api('GET', '/org/project/config', undefined, { url }))[1].display_name, 'Sandbox');
});

test('--seed at the start; with --database everything survives a crash', async (t) => {
  const dir = tempDir();
  writeFileSync(join(dir, 'seed.json'), JSON.stringify(SEED));
  const first = await own(t, { dir, args: ['--database', 'sandbox.db', '--seed', 'seed.json'] });
  await assertSeeded(first.url);
  const made = await link('dora', { url: first.url });
  await fetch(made.redirect_url);
  await ordered('POST', 'project', { verifier_url: 'http://127.0.0.1/verify' }, first.url);
  await ordered('POST', 'clock', { advance_seconds: 86400 }, first.url);
  await first.stop('SIGKILL');

  const second = await own(t, { dir, args: ['--database', 'sandbox.db'] });
  await assertSeeded(second.url);
  assert.equal((await account(made.connected_account_id, second.url)).status, 'EXPIRED', 'by the clock that was moved');
  assert.equal((await ordered('GET', 'project', undefined, second.url)).verifier_url, 'http://127.0.0.1/verify');
  assert.match((await ordered('GET', 'clock', undefined, second.url)).now, /^2027-03-02T/);
});

test('a seed that cannot be is refused whole, by name', async (t) => {
  const { url } = await own(t);
  const valid = { id: 'ca_first', auth_config_id: 'ac_sandbox_gmail', user_id: 'u' };
  const world = (thing, toolkit = 'gmail') => ({ worlds: [{ user_id: 'u', toolkit, email: 'u@example.com', things: [thing] }] });
  const mail = { from: 'a', to: 'b', subject: 'c', text: 'd' };
  for (const [seed, message] of [
    [{ account: [] }, 'account: unknown'],
    [[], 'expected an object'],
    [{ accounts: {} }, 'accounts: expected an array'],
    [{ accounts: [valid, { ...valid, id: 'cb_x' }] }, 'accounts[1]: id: expected ca_'],
    [{ accounts: [valid, { ...valid, id: "ca_'" }] }, 'accounts[1]: id: expected ca_'],
    [{ accounts: [valid, { ...valid, status: 'LOST' }] }, 'accounts[1]: status: there is no LOST'],
    [{ accounts: [valid, { ...valid, auth_config_id: 'ac_no' }] }, 'accounts[1]: auth_config_id: Auth config "ac_no" not found'],
    [{ accounts: [valid, { id: 'ca_y', auth_config_id: 'ac_sandbox_gmail' }] }, 'accounts[1]: user_id: required'],
    [{ accounts: [valid], auth_configs: [{ id: 'ac_x', toolkit: 'fax' }] }, 'auth_configs[0]: toolkit: there is no fax'],
    [{ accounts: [valid], auth_configs: [{ id: 'ac_x', toolkit: 'gmail', auth_scheme: 'BASIC' }] }, 'auth_configs[0]: auth_scheme'],
    [{ accounts: [valid], clock: { now: 'soon' } }, 'clock: now: expected a time'],
    [{ accounts: [valid], clock: { advance_seconds: 1e12 } }, 'clock: advance_seconds'],
    [{ accounts: [valid], project: { nonsense: 1 } }, 'project: nonsense: no such setting'],
    [{ accounts: [valid], faults: [{ fault: { status: 200 } }] }, 'faults: [0]: status'],
    [{ accounts: [valid], ...world({ kind: 'fax', body: {} }) }, 'worlds[0]: things[0]: kind: gmail has no fax'],
    [{ accounts: [valid], ...world({ kind: 'mail', body: { ...mail, subject: 7 } }) }, 'worlds[0]: things[0]: body: a mail needs the text subject'],
    [{ accounts: [valid], ...world({ kind: 'mail', minutes: 1e15, body: mail }) }, 'worlds[0]: things[0]: minutes'],
    [{ accounts: [valid], ...world({ kind: 'issue', body: { title: 't', state: 'open' } }, 'github') }, 'worlds[0]: things[0]: parent: a issue needs one'],
    [{ accounts: [valid], ...world({ kind: 'repository', body: {} }, 'github') }, 'worlds[0]: things[0]: id: a repository needs one'],
  ]) {
    const reply = await control(url, 'POST', 'seed', seed);
    const { error } = await reply.json();
    assert.equal(reply.status, 400, JSON.stringify(seed));
    assert.ok(error.message.startsWith(message), `${error.message} / ${message}`);
    assert.equal((await api('GET', '/connected_accounts/ca_first', undefined, { url }))[0], 404);
  }
  assert.deepEqual(await ordered('GET', 'faults', undefined, url), []);
  const dir = tempDir();
  writeFileSync(join(dir, 'bad.json'), '{"accounts": [{}]}');
  for (const [args, said] of [[['--seed', 'bad.json'], /the seed: accounts\[0\]/], [['--seed', 'none.json'], /none\.json cannot be read/],
    [['--consent-listen', 'x'], /SANDBOX_CONSENT_LISTEN/]]) {
    const { code, stderr } = await run('sandbox', args, { dir, env: { SANDBOX_LISTEN: '127.0.0.1:0' } });
    assert.equal(code, 1);
    assert.match(stderr, said);
  }
});

/* ---- faults ---- */

test('a fault for one user, at his nth call', async (t) => {
  const { url } = await own(t);
  await ordered('POST', 'seed', { accounts: ['ada', 'bob'].map((user) =>
    ({ id: `ca_${user}`, auth_config_id: 'ac_sandbox_gmail', user_id: user })) }, url);
  await ordered('POST', 'faults', [{ match: { user: 'ada', nth: 2 }, fault: { status: 503 } }], url);
  const statuses = [];
  for (const [method, path, body] of [
    ['GET', '/connected_accounts?user_ids=bob'],
    ['GET', '/connected_accounts?user_ids=ada'], // the first
    ['GET', '/connected_accounts/ca_bob'],
    ['GET', '/toolkits'],
    ['GET', '/connected_accounts/ca_ada'], // the second, by the account's owner
    ['POST', '/connected_accounts/link', { auth_config_id: 'ac_sandbox_gmail', user_id: 'ada' }],
  ]) statuses.push((await api(method, path, body, { url }))[0]);
  assert.deepEqual(statuses, [200, 200, 200, 200, 503, 201]);
  const [fault] = await ordered('GET', 'faults', undefined, url);
  assert.deepEqual([fault.user, fault.kind, fault.seen], ['ada', 'status', 3]);

  await ordered('DELETE', 'faults', undefined, url);
  await ordered('POST', 'faults', [{ match: { user: 'ada', path: '/tools/execute' }, fault: { status: 429, retry_after: 7 } }], url);
  const reply = await fetch(`${url}/api/v3.1/tools/execute/GMAIL_GET_PROFILE`, { method: 'POST',
    headers: { 'x-api-key': 'ak_test', 'content-type': 'application/json' }, body: JSON.stringify({ user_id: 'ada' }) });
  assert.deepEqual([reply.status, reply.headers.get('retry-after')], [429, '7']);
  await execute('GMAIL_GET_PROFILE', 'bob', {}, url);
});

test('a duplicated request takes effect twice, the second answer is delivered', async (t) => {
  const { url } = await own(t);
  await ordered('POST', 'faults', [{ match: { path: '/connected_accounts/link' }, fault: { duplicate: true }, times: 1 }], url);
  const made = await link('twice', { url });
  const { items } = (await api('GET', '/connected_accounts?user_ids=twice', undefined, { url }))[1];
  assert.equal(items.length, 2);
  assert.equal(items[0].id, made.connected_account_id, 'the newest');
  await link('once', { url });
  assert.equal((await api('GET', '/connected_accounts?user_ids=once', undefined, { url }))[1].items.length, 1);
});

test('an answer that drips comes whole, in pieces, and holds up nobody else', async (t) => {
  const { url, stop } = await own(t);
  const [, whole] = await api('GET', '/toolkits/gmail', undefined, { url });
  await ordered('POST', 'faults', [{ match: { path: '/toolkits/gmail' }, fault: { drip_ms: 1, drip_bytes: 97 } }], url);
  const reply = await fetch(`${url}/api/v3.1/toolkits/gmail`, { headers: { 'x-api-key': 'ak_test' } });
  assert.equal(reply.headers.get('transfer-encoding'), 'chunked');
  let pieces = 0, text = '';
  for await (const piece of reply.body.pipeThrough(new TextDecoderStream())) { pieces++; text += piece; }
  assert.deepEqual(JSON.parse(text), whole);
  assert.ok(pieces > 1, String(pieces));

  // Clients that leave in the middle, and an end of the program in the middle, harm nothing.
  await ordered('POST', 'faults', [{ match: { path: '/toolkits/slack' }, fault: { drip_ms: 5000, drip_bytes: 1 } }], url);
  const leaver = new AbortController();
  const slow = [leaver.signal, undefined].map((signal) =>
    fetch(`${url}/api/v3.1/toolkits/slack`, { headers: { 'x-api-key': 'ak_test' }, signal }));
  const [left, kept] = await Promise.all(slow);
  assert.deepEqual([left.status, kept.status], [200, 200]);
  leaver.abort();
  await left.text().catch(() => undefined);
  assert.equal((await api('GET', '/toolkits/notion', undefined, { url }))[0], 200);
  const ended = await stop();
  assert.equal(ended.code, 0);
  await kept.text().catch(() => undefined);
});

/* ---- the journal ---- */

test('the journal has every request whole, and gives the newest', async (t) => {
  const { url } = await own(t);
  await api('GET', '/connected_accounts?user_ids=a%20b&limit=3', undefined, { url });
  await api('POST', '/connected_accounts/link', { auth_config_id: 'ac_no', user_id: 'u' }, { url });
  await ordered('POST', 'faults', [{ match: { path: '/toolkits' }, fault: { reset: true } }], url);
  await api('GET', '/toolkits', undefined, { url }).catch(() => undefined);
  await fetch(`${url}/`);
  const { items, total } = await ordered('GET', 'requests', undefined, url);
  assert.equal(total, 4);
  assert.deepEqual(items.map(({ number, method, path, body, body_cut, status }) => [number, method, path, body, body_cut, status]), [
    [1, 'GET', '/api/v3.1/connected_accounts?user_ids=a%20b&limit=3', '', false, 200],
    [2, 'POST', '/api/v3.1/connected_accounts/link', '{"auth_config_id":"ac_no","user_id":"u"}', false, 404],
    [3, 'GET', '/api/v3.1/toolkits', '', false, null],
    [4, 'GET', '/', '', false, 200],
  ]);
  for (const { time, duration_ms } of items) {
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
    assert.ok(Number.isInteger(duration_ms) && duration_ms >= 0);
  }
  const numbers = async (query) => (await ordered('GET', `requests?${query}`, undefined, url)).items.map((item) => item.number);
  assert.deepEqual(await numbers('after=2'), [3, 4]);
  assert.deepEqual(await numbers('limit=1'), [4]);
  assert.deepEqual(await numbers('after=1&limit=2'), [3, 4]);
  assert.deepEqual(await numbers('after=99'), []);
});

/* ---- the page's buttons ---- */

test('the buttons of the page work for its own forms and for nobody else\'s', async (t) => {
  const { url } = await own(t);
  await ordered('POST', 'seed', { accounts: [{ id: 'ca_x', auth_config_id: 'ac_sandbox_gmail', user_id: 'u' }] }, url);
  const act = (fields, origin) => press(`${url}/`, fields, origin === undefined ? {} : { origin });
  const revoke = { act: 'status', id: 'ca_x', status: 'REVOKED' };
  for (const origin of [undefined, 'null', 'https://evil.example', `${url}.evil.example`, 'http://127.0.0.1:1']) {
    assert.equal((await act(revoke, origin)).status, 403, origin);
  }
  assert.equal((await account('ca_x', url)).status, 'ACTIVE');
  const done = await act(revoke, url);
  assert.deepEqual([done.status, done.headers.get('location')], [303, '/']);
  assert.equal((await account('ca_x', url)).status, 'REVOKED');
  assert.equal((await act({ act: 'advance', seconds: '3600' }, url.replace('127.0.0.1', 'localhost'))).status, 303);
  assert.equal(Math.round((await ordered('GET', 'clock', undefined, url)).offset_ms / 1000), 3600);
  for (const [fields, status] of [[{ act: 'dance' }, 400], [{ act: 'advance', seconds: 'x' }, 400],
    [{ act: 'status', id: 'ca_no', status: 'ACTIVE' }, 404], [{ act: 'status', id: 'ca_x', status: 'LOST' }, 400], [{}, 400]]) {
    assert.equal((await act(fields, url)).status, status, JSON.stringify(fields));
  }
  assert.equal((await act({ act: 'reset' }, url)).status, 303);
  assert.equal((await api('GET', '/connected_accounts/ca_x', undefined, { url }))[0], 404);
});

test('--help names every option of the sandbox', async () => {
  const { code, stdout } = await run('sandbox', ['--help']);
  assert.equal(code, 0);
  for (const option of ['--listen', '--consent-listen', '--database', '--seed', 'SANDBOX_LISTEN', 'SANDBOX_CONSENT_LISTEN', 'docs/sandbox.md']) {
    assert.ok(stdout.includes(option), option);
  }
});
