/* The page at / in a real browser, against the whole program: what a user does, and what goes wrong meanwhile.
 * SCREENSHOTS=DIRECTORY keeps pictures of it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { address, run, startDev, startSandbox, startServe, tempDir } from '../harness.mjs';

const { chromium } = createRequire(new URL('../clients/package.json', import.meta.url))('playwright-core');
const WAIT_MS = 15_000;
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim(),
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(() => browser?.close());

/** A browser of its own for the test. What it complains about (blocked by the policy, exceptions) fails the test. */
async function visit(t, url, options = {}) {
  const context = await browser.newContext(options);
  const complaints = [];
  context.setDefaultTimeout(WAIT_MS);
  context.on('weberror', (error) => complaints.push(error.error().message));
  context.on('console', (message) => {
    if (/Content Security Policy|Uncaught/.test(message.text())) complaints.push(message.text());
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

async function dev(t, options) {
  const tenon = await startDev(options);
  t.after(() => tenon.stop());
  return tenon;
}

async function picture(page, name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true });
}

const card = (page, name) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) });
const button = (page, name) => page.getByRole('button', { name, exact: true });
const shows = (locator, text) => locator.getByText(text).first().waitFor();

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

/** In the page: the texts whose contrast to what is behind them is below WCAG 2.2 AA (1.4.3). */
function faintTexts() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = channels(getComputedStyle(node).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
    if (!own || !node.checkVisibility()) continue;
    const [high, low] = [luminance(channels(getComputedStyle(node).color)), luminance(behind(node))].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) faint.push(`${node.textContent.trim()}: ${contrast.toFixed(2)}`);
  }
  return faint;
}

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
    const small = await page.getByRole('button').filter({ visible: true }).evaluateAll((buttons) => buttons
      .filter((node) => node.getBoundingClientRect().height < 44)
      .map((node) => node.textContent));
    assert.deepEqual(small, []);
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
