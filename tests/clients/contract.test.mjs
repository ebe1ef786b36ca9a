/* Tenon's client against the official ones: for each operation of src/composio/composio.h, what they send for the same
 * purpose agrees in method, path, query, body and credentials. Both call a sandbox, whose trace is compared; Tenon's by
 * composio_call, a program of the build that makes one call, since no flow of the product comes by all operations with
 * arguments of the test's choice. */
import Client from '@composio/client';
import { Composio } from '@composio/core';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { after, before, test } from 'node:test';
import { companion, startSandbox, traceFile } from '../harness.mjs';
import { consent, refusal } from './flow.mjs';

const KEY = 'ak_contract';
const USER = 'ada+1 & "ü"/?#%41';
const BACK = 'https://app.example/back?a=b%20c&d';
const HOOK = 'https://127.0.0.1:1/hook', EXPIRED = 'composio.connected_account.expired';
const TOOL = 'GMAIL_FETCH_EMAILS';
const GMAIL = 'ac_sandbox_gmail';

const composioCall = companion('src/composio_call');
const skip = composioCall ? false : 'this build has no tests: composio_call is not there';
const trace = traceFile();
let sandbox, client, core, version;
before(async () => {
  sandbox = await startSandbox({ env: { SANDBOX_TRACE: trace } });
  client = new Client({ apiKey: KEY, baseURL: sandbox.url, maxRetries: 0 });
  core = new Composio({ apiKey: KEY, baseURL: sandbox.url, allowTracking: false, disableVersionCheck: true });
  ({ version } = await client.tools.retrieve(TOOL));
});
after(() => sandbox.stop());

/* ---- what is called ---- */

async function account() {
  const { connected_account_id: id, redirect_url: url } = await client.link.create({ auth_config_id: GMAIL, user_id: USER });
  await consent(url, 'Approve');
  return { id };
}
async function secondPage() {
  for (let i = 0; i < 2; i++) await account();
  return { cursor: (await client.connectedAccounts.list({ statuses: ['ACTIVE'], limit: 1 })).next_cursor };
}
let servers = 0;
const server = async () =>
  ({ id: (await client.mcp.create({ name: `contract ${++servers}`, auth_config_ids: [GMAIL], allowed_tools: [] })).id });
const name = () => ({ name: `contract ${++servers}` });

/** There is at most one. */
async function noWebhook() {
  for (const { id } of (await client.webhookSubscriptions.list()).items) await client.webhookSubscriptions.delete(id);
  return {};
}
async function webhook() {
  await noWebhook();
  return { id: (await client.webhookSubscriptions.create({ webhook_url: HOOK, enabled_events: [EXPIRED], version: 'V3' })).id };
}

/* operation   of composio.h
 * subject     what it is about, made anew for each call; its values are compared by their names
 * tenon       the arguments of composio_call
 * client, core  the official calls, where they have one */
const rows = [
  { operation: 'auth_config_get',
    tenon: () => [GMAIL],
    client: () => client.authConfigs.retrieve(GMAIL),
    core: () => core.authConfigs.get(GMAIL) },
  { operation: 'auth_config_list',
    tenon: () => ['gmail'],
    client: () => client.authConfigs.list({ toolkit_slug: 'gmail', show_disabled: true, limit: 50 }),
    core: () => core.authConfigs.list({ toolkit: 'gmail', showDisabled: true, limit: 50 }) },
  { operation: 'account_get',
    subject: account,
    tenon: ({ id }) => [id],
    client: ({ id }) => client.connectedAccounts.retrieve(id),
    core: ({ id }) => core.connectedAccounts.get(id) },
  { operation: 'account_list',
    tenon: () => [USER, GMAIL],
    client: () => client.connectedAccounts.list({ user_ids: [USER], auth_config_ids: [GMAIL], limit: 50,
      order_by: 'created_at', order_direction: 'desc' }),
    core: () => core.connectedAccounts.list({ userIds: [USER], authConfigIds: [GMAIL], limit: 50, orderBy: 'created_at' }) },
  { operation: 'account_page',
    subject: secondPage,
    tenon: ({ cursor }) => [GMAIL, cursor],
    client: ({ cursor }) => client.connectedAccounts.list({ auth_config_ids: [GMAIL], statuses: ['ACTIVE'], limit: 50,
      order_by: 'created_at', order_direction: 'desc', cursor }),
    core: ({ cursor }) => core.connectedAccounts.list({ authConfigIds: [GMAIL], statuses: ['ACTIVE'], limit: 50,
      orderBy: 'created_at', cursor }) },
  { operation: 'account_link',
    tenon: () => [USER, GMAIL, BACK],
    client: () => client.link.create({ user_id: USER, auth_config_id: GMAIL, callback_url: BACK }),
    core: () => core.connectedAccounts.link(USER, GMAIL, { callbackUrl: BACK, allowMultiple: true }) },
  { operation: 'account_revoke',
    subject: account,
    tenon: ({ id }) => [id],
    client: ({ id }) => client.connectedAccounts.revoke(id) },
  { operation: 'account_delete',
    subject: account,
    tenon: ({ id }) => [id],
    client: ({ id }) => client.connectedAccounts.delete(id),
    core: ({ id }) => core.connectedAccounts.delete(id) },
  { operation: 'mcp_get',
    subject: server,
    tenon: ({ id }) => [id],
    client: ({ id }) => client.mcp.retrieve(id),
    core: ({ id }) => core.mcp.get(id) },
  { operation: 'mcp_list',
    tenon: () => ['contract & more'],
    client: () => client.mcp.list({ name: 'contract & more', page_no: 1, limit: 50 }),
    core: () => core.mcp.list({ name: 'contract & more', page: 1, limit: 50 }) },
  { operation: 'mcp_create',
    subject: name,
    tenon: (subject) => [subject.name, GMAIL, TOOL],
    client: (subject) => client.mcp.create({ name: subject.name, auth_config_ids: [GMAIL], allowed_tools: [TOOL] }),
    core: (subject) => core.mcp.create(subject.name, { toolkits: [{ authConfigId: GMAIL }], allowedTools: [TOOL] }) },
  { operation: 'mcp_update',
    subject: async () => ({ ...await server(), ...name() }),
    tenon: (subject) => [subject.id, subject.name, GMAIL, TOOL],
    client: (subject) => client.mcp.update(subject.id, { name: subject.name, auth_config_ids: [GMAIL], allowed_tools: [TOOL] }),
    core: (subject) => core.mcp.update(subject.id, { name: subject.name, toolkits: [{ authConfigId: GMAIL }], allowedTools: [TOOL] }) },
  { operation: 'mcp_generate',
    subject: server,
    tenon: ({ id }) => [id, USER],
    client: ({ id }) => client.mcp.generate.url({ mcp_server_id: id, user_ids: [USER], managed_auth_by_composio: false }),
    core: ({ id }) => core.mcp.generate(USER, id, { manuallyManageConnections: true }) },
  { operation: 'webhook_list',
    tenon: () => [],
    client: () => client.webhookSubscriptions.list({ limit: 50 }) },
  { operation: 'webhook_create',
    subject: noWebhook,
    tenon: () => [HOOK, EXPIRED],
    client: () => client.webhookSubscriptions.create({ webhook_url: HOOK, enabled_events: [EXPIRED], version: 'V3' }) },
  { operation: 'webhook_update',
    subject: webhook,
    tenon: ({ id }) => [id, HOOK, EXPIRED],
    client: ({ id }) => client.webhookSubscriptions.update(id, { webhook_url: HOOK, enabled_events: [EXPIRED], version: 'V3' }) },
  { operation: 'webhook_rotate',
    subject: webhook,
    tenon: ({ id }) => [id],
    client: ({ id }) => client.webhookSubscriptions.rotateSecret(id) },
  { operation: 'toolkit_get',
    tenon: () => ['gmail'],
    client: () => client.toolkits.retrieve('gmail'),
    core: () => core.toolkits.get('gmail') },
  { operation: 'tool_get',
    tenon: () => [TOOL, version],
    client: () => client.tools.retrieve(TOOL, { version }),
    core: () => core.tools.getRawComposioToolBySlug(TOOL, { version }) },
  { operation: 'tool_list',
    tenon: () => ['github'],
    client: () => client.tools.list({ toolkit_slug: 'github', toolkit_versions: 'latest', limit: 50 }),
    core: () => core.tools.getRawComposioTools({ toolkits: ['github'], limit: 50 }) },
  { operation: 'execute',
    subject: account,
    tenon: ({ id }) => [TOOL, version, id, USER, '{"max_results":1,"query":"ü \\"x\\""}'],
    client: ({ id }) => client.tools.execute(TOOL, { version, connected_account_id: id, user_id: USER,
      arguments: { max_results: 1, query: 'ü "x"' } }),
    core: ({ id }) => core.tools.execute(TOOL, { version, connectedAccountId: id, userId: USER,
      arguments: { max_results: 1, query: 'ü "x"' } }) },
];

/* Operations that no official client has, with the reason for having them. */
const OURS_ALONE = {
  account_of_uuid: "Composio's reference of v3 has it (migration/getMigrationGetNanoid); its clients have it no more",
  complete_auth: "Composio documents it for identity verification, and its clients have it not yet",
};

/* Where they may differ. A part that no longer differs fails the test. */
const DIFFERENCES = [
  ...['account_list', 'account_page'].map((operation) => ({ operation, official: 'core', parts: ['query.order_direction'],
    reason: 'it cannot be asked for there; desc is the default, which Tenon does not rely on' })),
  { operation: 'mcp_create', official: 'core',
    parts: ['path', 'body.allowed_tools', 'body.custom_tools', 'body.toolkits', 'body.managed_auth_via_composio'],
    reason: 'it makes custom servers, of toolkits and auth configs; Tenon makes those of auth configs, as client does' },
  { operation: 'mcp_update', official: 'core', parts: ['body.allowed_tools', 'body.custom_tools', 'body.toolkits'],
    reason: 'the same; the document has allowed_tools alone' },
];

/* ---- what was sent ---- */

let read = 0;
/** The last request to the sandbox since the last look, by its answer a success; a call may make others before it. */
function sent(subject) {
  const lines = readFileSync(trace, 'utf8').split('\n').filter(Boolean);
  assert.ok(lines.length > read, 'nothing was sent');
  read = lines.length;
  const text = Object.entries(subject).reduce((line, [key, value]) => line.replaceAll(value, `<${key}>`), lines.at(-1));
  const line = JSON.parse(text);
  assert.ok(line.status < 300, text);
  const [path, query = ''] = line.path.split('?');
  const parts = { method: line.method, path: decodeURIComponent(path), credentials: line.credentials,
    'content of the body': line.request !== null };
  for (const [key, value] of new URLSearchParams(query)) (parts[`query.${key}`] ??= []).push(value);
  for (const [key, value] of Object.entries(line.request ?? {})) parts[`body.${key}`] = value;
  return parts;
}

async function made(row, caller) {
  const subject = await row.subject?.() ?? {};
  read = readFileSync(trace, 'utf8').split('\n').filter(Boolean).length;
  await caller(subject);
  return sent(subject);
}

const byTenon = (operation, args) => composioCall([sandbox.url, operation, ...args], { COMPOSIO_API_KEY: KEY })
  .then(({ code, stderr }) => assert.equal(code, 0, stderr));

const allowed = DIFFERENCES.flatMap(({ operation, official, parts }) =>
  parts.map((part) => `${operation}, ${official}: ${part}`));
const used = new Set();
function compare(operation, official, ours, theirs) {
  const parts = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  const differing = [...parts].filter((part) => !isDeepStrictEqual(ours[part], theirs[part]));
  const wrong = differing.filter((part) => {
    used.add(`${operation}, ${official}: ${part}`);
    return !allowed.includes(`${operation}, ${official}: ${part}`);
  });
  const said = (part) => `${part}: Tenon ${JSON.stringify(ours[part])}, ${official} ${JSON.stringify(theirs[part])}`;
  assert.deepEqual(wrong.map(said), []);
}

/* ---- the tests ---- */

test('every operation of composio.h is compared', { skip }, () => {
  const header = readFileSync(new URL('../../src/composio/composio.h', import.meta.url), 'utf8');
  const declared = [...header.matchAll(/SUSPENDS MUST_CHECK bool composio_(\w+)\(/g)].map(([, operation]) => operation);
  assert.deepEqual([...rows.map(({ operation }) => operation), ...Object.keys(OURS_ALONE)].sort(), declared.sort());
});

test('Tenon and the official clients send the same', { skip }, async (t) => {
  for (const row of rows) {
    await t.test(row.operation, async () => {
      const ours = await made(row, (subject) => byTenon(row.operation, row.tenon(subject)));
      for (const official of ['client', 'core'].filter((official) => row[official])) {
        compare(row.operation, official, ours, await made(row, row[official]));
      }
    });
  }
  assert.deepEqual(allowed.filter((difference) => !used.has(difference)), [], 'these differences are no longer there');
});

test('Tenon sends its key in the header that the clients use, or Composio refuses', { skip }, async () => {
  const call = (env) => composioCall([sandbox.url, 'toolkit_get', 'gmail'], env);
  assert.equal((await call({ COMPOSIO_API_KEY: KEY })).code, 0);
  assert.match((await call({ COMPOSIO_API_KEY: 'wrong' })).stderr, /^UPSTREAM_KEY_REFUSED/);
  await refusal(new Client({ apiKey: 'wrong', baseURL: sandbox.url, maxRetries: 0 }).toolkits.retrieve('gmail'));
});
