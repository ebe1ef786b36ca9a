/* The sandbox's pages in a real browser: the consent pages as a user meets them, and the page at / as a developer does. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import test from 'node:test';
import { startDev, startSandbox } from '../harness.mjs';
import { button, faintTexts, picture, shows, smallButtons, visit } from './chromium.mjs';

async function own(t, options) {
  const sandbox = await startSandbox(options);
  t.after(() => sandbox.stop());
  return sandbox.url;
}

const json = async (reply) => {
  const answer = await reply.json();
  assert.ok(reply.ok, JSON.stringify(answer));
  return answer;
};
const headers = { 'x-api-key': 'ak_test', 'content-type': 'application/json' };
const post = async (url, path, body) => json(await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) }));
const account = async (url, id) => json(await fetch(`${url}/api/v3.1/connected_accounts/${id}`, { headers }));
const link = (url, user_id, more = {}) =>
  post(url, '/api/v3.1/connected_accounts/link', { auth_config_id: 'ac_sandbox_gmail', user_id, ...more });

/** A site of the app's own, where callbacks lead and windows are opened from. */
async function app(t) {
  const server = createServer((request, reply) => {
    reply.setHeader('content-type', 'text/html');
    reply.end('<!doctype html><title>App</title><h1>The app</h1><script>addEventListener("click", () => { window.popup = open("", "consent", "width=500,height=600"); window.popup.location = window.target; })</script>');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

/** Open the link in a window of the app's, as apps do. */
async function popup(page, target) {
  await page.evaluate((url) => { window.target = url; }, target);
  const [opened] = await Promise.all([page.waitForEvent('popup'), page.getByRole('heading', { name: 'The app' }).click()]);
  await button(opened, 'Approve').waitFor();
  return opened;
}

const picked = async (url, id, user_id) => (await post(url, '/api/v3.1/tools/execute/GMAIL_GET_PROFILE',
  { user_id, connected_account_id: id, arguments: {} })).data.emailAddress;

test('picks one of several accounts, or names another', async (t) => {
  const url = await own(t), site = await app(t);
  await post(url, '/_sandbox/seed', { accounts: [
    { id: 'ca_work', auth_config_id: 'ac_sandbox_gmail', user_id: 'ada', email: 'ada@corp.example' }] });
  const made = await link(url, 'ada', { callback_url: site });
  const page = await visit(t, made.redirect_url);
  await page.getByRole('radio', { name: 'ada@corp.example' }).check();
  assert.equal(await page.getByLabel('Its address').isVisible(), false);
  await picture(page, 'consent-accounts');
  await button(page, 'Approve').click();
  await page.getByRole('heading', { name: 'The app' }).waitFor();
  assert.equal(new URL(page.url()).searchParams.get('connected_account_id'), made.connected_account_id);
  assert.equal(await picked(url, made.connected_account_id, 'ada'), 'ada@corp.example');

  const other = await link(url, 'ada');
  await page.goto(other.redirect_url);
  await page.getByRole('radio', { name: 'Another account' }).check();
  await page.getByLabel('Its address').fill('third@corp.example');
  await button(page, 'Approve').click();
  await page.getByRole('heading', { name: 'Connected' }).waitFor();
  assert.equal(await picked(url, other.connected_account_id, 'ada'), 'third@corp.example');
});

test('an API key is typed into the form of its toolkit', async (t) => {
  const url = await own(t), site = await app(t);
  await post(url, '/_sandbox/seed', { auth_configs: [{ id: 'ac_key', toolkit: 'notion', auth_scheme: 'API_KEY' }] });
  const made = await link(url, 'ada', { auth_config_id: 'ac_key', callback_url: site });
  const page = await visit(t, made.redirect_url);
  await button(page, 'Approve').click();
  assert.equal(page.url(), made.redirect_url, 'the browser asks for what is missing');
  await page.getByLabel('Internal integration secret').fill('secret_0123456789');
  await picture(page, 'consent-key');
  await button(page, 'Approve').click();
  await page.getByRole('heading', { name: 'The app' }).waitFor();
  const { status, state } = await account(url, made.connected_account_id);
  assert.deepEqual([status, state.val.generic_api_key], ['ACTIVE', 'secr...']);
});

for (const [where, args] of [['at Composio', []], ['at a provider of its own', ['--consent-listen', '127.0.0.1:0']]]) {
  test(`close closes the window and decides nothing, ${where}`, async (t) => {
    const url = await own(t, { args }), site = await app(t);
    const made = await link(url, 'ada', { callback_url: site });
    const page = await visit(t, site);
    const window = await popup(page, made.redirect_url);
    const closed = window.waitForEvent('close');
    await button(window, 'Close').click();
    await closed;
    assert.equal((await account(url, made.connected_account_id)).status, 'INITIATED');
    await post(url, '/_sandbox/clock', { advance_seconds: 601 });
    assert.equal((await account(url, made.connected_account_id)).status, 'EXPIRED');
  });
}

test('a provider of its own takes the app its popup, and brings the browser back', async (t) => {
  const url = await own(t, { args: ['--consent-listen', '127.0.0.1:0'] }), site = await app(t);
  const made = await link(url, 'ada', { callback_url: site });
  const page = await visit(t, site);
  const window = await popup(page, made.redirect_url);
  assert.notEqual(new URL(window.url()).origin, url);
  assert.equal(await window.evaluate(() => window.opener), null);
  assert.equal(await page.evaluate(() => window.popup.closed), true, 'as it looks to the app, though it is open');
  await button(window, 'Approve').click();
  await window.getByRole('heading', { name: 'The app' }).waitFor();
  assert.equal(new URL(window.url()).searchParams.get('status'), 'success');
  assert.equal((await account(url, made.connected_account_id)).status, 'ACTIVE');
});

test('without one the app keeps its popup', async (t) => {
  const url = await own(t), site = await app(t);
  const page = await visit(t, site);
  await popup(page, (await link(url, 'ada')).redirect_url);
  assert.equal(await page.evaluate(() => window.popup.closed), false);
});

test('same-browser binding: another browser cannot finish, the first one can', async (t) => {
  const url = await own(t), site = await app(t);
  await post(url, '/_sandbox/project', { same_browser: true });
  const made = await link(url, 'ada', { callback_url: site });
  const first = await visit(t, made.redirect_url);
  const second = await visit(t, made.redirect_url);
  await button(second, 'Approve').click();
  await second.getByRole('heading', { name: 'This is another browser' }).waitFor();
  assert.equal((await account(url, made.connected_account_id)).status, 'INITIATED');
  await button(first, 'Approve').click();
  await first.getByRole('heading', { name: 'The app' }).waitFor();
  assert.equal((await account(url, made.connected_account_id)).status, 'ACTIVE');
});

test('the whole product with identity verification on and the provider on an origin of its own', async (t) => {
  const tenon = await startDev({ env: { SANDBOX_CONSENT_LISTEN: '127.0.0.1:0' } });
  t.after(() => tenon.stop());
  await post(tenon.sandboxUrl, '/_sandbox/project', { verifier_url: `${tenon.url}/oauth/callback` });
  const page = await visit(t, tenon.url);
  const [window] = await Promise.all([page.waitForEvent('popup'), button(page, 'Connect Gmail').click()]);
  await button(window, 'Approve').click();
  await button(page, 'Disconnect Gmail').waitFor();
});

/* ---- the page at / ---- */

async function busySandbox(t) {
  const url = await own(t);
  await post(url, '/_sandbox/seed', { accounts: [
    { id: 'ca_ada', auth_config_id: 'ac_sandbox_gmail', user_id: 'ada', email: 'ada@corp.example' },
    { id: 'ca_bob', auth_config_id: 'ac_sandbox_slack', user_id: 'bob-with-a-rather-long-identifier-0123456789', status: 'EXPIRED' }],
  faults: [{ match: { method: 'GET', path: '/toolkits', user: 'ada' }, fault: { status: 503 }, times: 2 }] });
  await fetch(`${url}/api/v3.1/toolkits?search=something-that-is-long-enough-to-need-more-than-one-line-on-a-telephone`, { headers });
  await fetch(`${url}/api/v3.1/toolkits/nothing`, { headers });
  return url;
}

test('the page shows accounts, requests and faults, and its buttons work', async (t) => {
  const url = await busySandbox(t);
  const page = await visit(t, url);
  await picture(page, 'sandbox');
  const requests = page.getByRole('table', { name: 'Latest requests' });
  await shows(requests, 'GET /api/v3.1/toolkits/nothing');
  await page.getByLabel('Status of ca_ada').first().selectOption('REVOKED');
  await button(page, 'Set status of ca_ada').click();
  await page.waitForLoadState();
  assert.equal(await page.getByLabel('Status of ca_ada').first().inputValue(), 'REVOKED');
  assert.equal((await account(url, 'ca_ada')).status, 'REVOKED');
  await button(page, 'Clear faults').click();
  await shows(page, 'None: every request is answered as it should be.');
  await button(page, 'Advance 10 minutes').click();
  await page.waitForLoadState();
  assert.equal(Math.round((await json(await fetch(`${url}/_sandbox/clock`))).offset_ms / 60_000), 10);
  await button(page, 'Reset everything').click();
  await shows(page, 'No connected accounts yet.');
});

test('a page of another site cannot press them', async (t) => {
  const url = await busySandbox(t), site = await app(t);
  const page = await visit(t, site);
  for (const path of ['/', '/_sandbox/reset']) {
    await page.goto(site);
    const [reply] = await Promise.all([page.waitForNavigation(), page.evaluate((action) => {
      const form = document.body.appendChild(document.createElement('form'));
      form.method = 'post';
      form.action = action;
      form.innerHTML = '<input name="act" value="reset">';
      form.submit();
    }, url + path)]);
    assert.equal(reply.status(), 403, path);
  }
  assert.equal((await account(url, 'ca_ada')).status, 'ACTIVE');
});

for (const colorScheme of ['light', 'dark']) {
  test(`every page is legible and fits a small screen, ${colorScheme}`, async (t) => {
    const url = await busySandbox(t);
    await post(url, '/_sandbox/seed', { auth_configs: [{ id: 'ac_key', toolkit: 'notion', auth_scheme: 'API_KEY' }] });
    const oauth = await link(url, 'ada'), key = await link(url, 'ada', { auth_config_id: 'ac_key' });
    const page = await visit(t, url, { colorScheme, viewport: { width: 320, height: 640 } });
    for (const [name, address] of [['home', url], ['consent', oauth.redirect_url], ['key', key.redirect_url], ['stale', `${url}/link/lk_no`]]) {
      await page.goto(address);
      assert.deepEqual(await page.evaluate(faintTexts), [], name);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320, name);
      assert.deepEqual(await page.evaluate(smallButtons), [], name);
      const unnamed = await page.evaluate(() => [...document.querySelectorAll('input:not([type=hidden]),select')]
        .filter((node) => node.labels.length === 0 && !node.getAttribute('aria-label')).map((node) => node.outerHTML));
      assert.deepEqual(unnamed, [], name);
      await picture(page, `sandbox-small-${name}-${colorScheme}`);
    }
  });
}
