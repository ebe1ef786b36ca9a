/* The page at / in a real browser, against the whole program: what a user does, and what goes wrong meanwhile. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { client, connect as connectByApi } from '../clients/flow.mjs';
import { address, run, startDev, startSandbox, startServe, tempDir } from '../harness.mjs';
import { button, faintTexts, picture, shows, smallButtons, visit } from './chromium.mjs';

async function dev(t, options) {
  const tenon = await startDev(options);
  t.after(() => tenon.stop());
  return tenon;
}

const card = (page, name) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) });

/** Press a button that opens the consent page; resolves with the window. */
async function opens(page, name) {
  const [popup] = await Promise.all([page.waitForEvent('popup'), button(page, name).click()]);
  await button(popup, 'Approve').waitFor();
  return popup;
}

async function connect(page, name) {
  const popup = await opens(page, `Connect ${name}`);
  const closed = popup.waitForEvent('close');
  await button(popup, 'Approve').click();
  await shows(card(page, name), 'Connected');
  await closed;
}

test('lists the five integrations, none connected', async (t) => {
  const page = await visit(t, (await dev(t)).url);
  await shows(page, 'Signed in as demo');
  const names = await page.getByRole('heading', { level: 2 }).filter({ visible: true }).allTextContents();
  assert.deepEqual(names, ['Gmail', 'Google Calendar', 'Slack', 'Notion', 'GitHub']);
  assert.equal(await page.getByText('Not connected', { exact: true }).count(), 5);
  await picture(page, 'list');
});

test('connects, and stays connected after a reload and after the program was killed', async (t) => {
  const dir = tempDir();
  const first = await dev(t, { dir });
  const page = await visit(t, first.url);
  await connect(page, 'Gmail');
  await page.reload();
  await button(page, 'Disconnect Gmail').waitFor();
  await picture(page, 'connected');
  await first.stop('SIGKILL');
  await dev(t, { dir, env: { LISTEN: address(first.url), SANDBOX_LISTEN: address(first.sandboxUrl) } });
  await page.reload();
  await button(page, 'Disconnect Gmail').waitFor();
});

test('shows the consent page and waits for its answer', async (t) => {
  const page = await visit(t, (await dev(t)).url);
  const popup = await opens(page, 'Connect Slack');
  await shows(card(page, 'Slack'), 'Waiting for you');
  await button(page, 'Cancel Slack').waitFor();
  await picture(popup, 'consent');
  await picture(page, 'waiting');
});

test('runs a tool and disconnects', async (t) => {
  const page = await visit(t, (await dev(t)).url);
  await connect(page, 'Gmail');
  const gmail = card(page, 'Gmail');
  await gmail.getByText('Run a tool').click();
  await gmail.getByRole('combobox').selectOption('GMAIL_FETCH_EMAILS');
  await button(page, 'Run').click();
  await shows(gmail, /^Done in \d+ ms$/);
  const response = JSON.parse(await gmail.getByRole('region', { name: 'Response' }).textContent());
  assert.equal(response.messages.length, 3); // as the example asks
  await picture(page, 'tool');
  await button(page, 'Disconnect Gmail').click();
  await button(page, 'Connect Gmail').waitFor();
});

test('says what is wrong with a tool call', async (t) => {
  const page = await visit(t, (await dev(t)).url);
  await connect(page, 'Gmail');
  const gmail = card(page, 'Gmail');
  await gmail.getByText('Run a tool').click();
  await gmail.getByLabel('Parameters (JSON)').fill('{"query": }');
  await button(page, 'Run').click();
  await shows(gmail, 'The parameters are not JSON');
  await gmail.getByRole('combobox').selectOption('GMAIL_FETCH_MESSAGE_BY_MESSAGE_ID');
  await gmail.getByLabel('Parameters (JSON)').fill('{"message_id": "nope"}');
  await button(page, 'Run').click();
  await shows(gmail, /^Failed after \d+ ms: ./);
});

test('a refusal is shown in both windows, without the secrets in the address; trying again there works', async (t) => {
  const { url } = await dev(t);
  const page = await visit(t, url);
  const popup = await opens(page, 'Connect Notion');
  await button(popup, 'Deny').click();
  await popup.getByRole('heading', { name: 'You declined access' }).waitFor();
  assert.equal(popup.url(), `${url}/oauth/callback`);
  await shows(card(page, 'Notion'), 'You declined access. Press Connect to try again.');
  await button(page, 'Connect Notion').waitFor();
  await picture(popup, 'declined');
  await picture(page, 'declined-list');
  await button(popup, 'Try again').click();
  const closed = popup.waitForEvent('close');
  await button(popup, 'Approve').click();
  await closed;
  await button(page, 'Disconnect Notion').waitFor();
});

test('a window that was closed can be opened again', async (t) => {
  const page = await visit(t, (await dev(t)).url);
  await (await opens(page, 'Connect GitHub')).close();
  const popup = await opens(page, 'Open again GitHub');
  await button(popup, 'Approve').click();
  await button(page, 'Disconnect GitHub').waitFor();
});

test('a window that wandered off is brought back', async (t) => {
  const { url, sandboxUrl } = await dev(t);
  const page = await visit(t, url);
  const popup = await opens(page, 'Connect GitHub');
  const consent = popup.url();
  await popup.goto(sandboxUrl);
  await button(page, 'Open again GitHub').click();
  await popup.waitForURL(consent);
  await button(popup, 'Approve').click();
  await button(page, 'Disconnect GitHub').waitFor();
});

test('cancelling closes the window and takes the attempt back', async (t) => {
  const page = await visit(t, (await dev(t)).url);
  const popup = await opens(page, 'Connect GitHub');
  const closed = popup.waitForEvent('close');
  await button(page, 'Cancel GitHub').click();
  await closed;
  await button(page, 'Connect GitHub').waitFor();
  await page.reload();
  await shows(card(page, 'GitHub'), 'Not connected');
});

test('completes though the consent page is answered in another window, and two pages see it', async (t) => {
  const { url } = await dev(t);
  const page = await visit(t, url);
  const other = await page.context().newPage();
  await other.goto(url);
  const popup = await opens(page, 'Connect Slack');
  const consent = popup.url();
  await popup.close();
  const tab = await page.context().newPage();
  await tab.goto(consent);
  await button(tab, 'Approve').click();
  await button(page, 'Disconnect Slack').waitFor();
  await button(other, 'Disconnect Slack').waitFor();
});

test('shows what happens elsewhere, as it happens', async (t) => {
  const tenon = await dev(t);
  const page = await visit(t, tenon.url);
  await shows(page, 'Signed in as demo');
  const { token } = await (await fetch(`${tenon.url}/dev/session`)).json();
  const trpc = client(tenon.url, token);
  await connectByApi(trpc, 'slack');
  await shows(card(page, 'Slack'), 'Connected');
  await trpc.integrations.disconnect.mutate({ provider: 'slack' });
  await shows(card(page, 'Slack'), 'Not connected');
});

test('says so when the server is gone, and recovers', async (t) => {
  const dir = tempDir();
  const first = await dev(t, { dir });
  const page = await visit(t, first.url);
  await button(page, 'Connect Gmail').waitFor();
  await first.stop();
  await button(page, 'Connect Gmail').click();
  await shows(card(page, 'Gmail'), 'The server cannot be reached');
  await dev(t, { dir, env: { LISTEN: address(first.url), SANDBOX_LISTEN: address(first.sandboxUrl) } });
  await connect(page, 'Gmail');
});

test('a server that signs nobody in takes a pasted token', async (t) => {
  const dir = tempDir();
  const sandbox = await startSandbox();
  t.after(() => sandbox.stop());
  const env = {
    DATABASE_URL: 'file:./tenon.db', JWT_SECRET: 'a secret of more than thirty-two bytes', COMPOSIO_API_KEY: 'ak_test',
    COMPOSIO_BASE_URL: sandbox.url, COMPOSIO_AUTH_CONFIG_GMAIL: 'ac_sandbox_gmail',
  };
  for (const verb of ['migrate', 'setup']) {
    const { code, stderr } = await run(verb, [], { dir, env });
    assert.equal(code, 0, stderr);
  }
  const serve = await startServe({ dir, env });
  t.after(() => serve.stop());
  const page = await visit(t, serve.url);
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await picture(page, 'sign-in');
  await page.getByLabel('Access token').fill('not a token');
  await button(page, 'Sign in').click();
  await page.getByRole('alert').filter({ hasText: /./ }).waitFor();
  const { stdout } = await run('token', ['ada'], { dir, env });
  await page.getByLabel('Access token').fill(stdout.trim());
  await button(page, 'Sign in').click();
  await connect(page, 'Gmail');

  // A window that has no session of its own hands over what it got.
  await button(page, 'Disconnect Gmail').click();
  const popup = await opens(page, 'Connect Gmail');
  const consent = popup.url();
  await popup.close();
  const tab = await page.context().newPage();
  await tab.goto(consent);
  await button(tab, 'Approve').click();
  await tab.getByRole('heading', { name: 'Almost done' }).waitFor();
  await button(page, 'Disconnect Gmail').waitFor();
});

for (const colorScheme of ['light', 'dark']) {
  test(`is legible and fits a small screen, ${colorScheme}`, async (t) => {
    const page = await visit(t, (await dev(t)).url, { colorScheme, viewport: { width: 320, height: 640 } });
    await connect(page, 'Gmail');
    await card(page, 'Gmail').getByText('Run a tool').click();
    await button(page, 'Run').click();
    await shows(card(page, 'Gmail'), /^Done in/);
    const popup = await opens(page, 'Connect Slack');
    await button(popup, 'Deny').click();
    await shows(card(page, 'Slack'), 'You declined access');
    await page.bringToFront();
    assert.deepEqual(await page.evaluate(faintTexts), []);
    assert.deepEqual(await popup.evaluate(faintTexts), []);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
    assert.deepEqual(await page.evaluate(smallButtons), []);
    await picture(page, `small-${colorScheme}`);
  });
}

test('the keyboard alone connects', async (t) => {
  const page = await visit(t, (await dev(t)).url);
  await button(page, 'Connect Gmail').waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Connect Gmail');
  const [popup] = await Promise.all([page.waitForEvent('popup'), page.keyboard.press('Enter')]);
  await button(popup, 'Approve').press('Enter');
  await button(page, 'Disconnect Gmail').waitFor();
  // The focus is where it was: on the card's first action.
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Disconnect Gmail');
});
