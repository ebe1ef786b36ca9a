/* What the client tests share: the official tRPC client on both mounts, and a browser's part of connecting. */
import assert from 'node:assert/strict';
import { createTRPCClient, httpBatchLink, httpLink, httpSubscriptionLink } from '@trpc/client';
import { EventSource } from 'eventsource';
import { createHmac } from 'node:crypto';
import superjson from 'superjson';
import { databaseUrl, query } from '../database.mjs';
import { run, startDev, tempDir } from '../harness.mjs';

export const SECRET = 'a secret of the tests, of more than 32 bytes';
export const PROVIDERS = ['gmail', 'calendar', 'slack', 'notion', 'github'];

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JWT signed with HS256; `header` and `secret` for those that must be refused. */
export function token(user, { secret = SECRET, header = { alg: 'HS256', typ: 'JWT' }, ...claims } = {}) {
  const signed = `${encode(header)}.${encode({ sub: user, exp: Math.floor(Date.now() / 1000) + 3600, ...claims })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** `tenon dev` whose tokens are signed with SECRET. */
export const startTenon = ({ env, ...options } = {}) => startDev({ ...options, env: { JWT_SECRET: SECRET, ...env } });

const AUTH_CONFIGS = { GMAIL: 'gmail', CALENDAR: 'googlecalendar', SLACK: 'slack', NOTION: 'notion', GITHUB: 'github' };

/** A directory for the operator's verbs, with a migrated database, and their environment. */
export async function installation(sandboxUrl, { migrated = true } = {}) {
  const dir = tempDir();
  const database = databaseUrl(dir);
  const env = {
    DATABASE_URL: database,
    COMPOSIO_API_KEY: 'ak_of_the_operator',
    COMPOSIO_BASE_URL: sandboxUrl,
    JWT_SECRET: SECRET,
    ...Object.fromEntries(Object.entries(AUTH_CONFIGS).map(([name, slug]) => [`COMPOSIO_AUTH_CONFIG_${name}`, `ac_sandbox_${slug}`])),
  };
  if (migrated) assert.equal((await run('migrate', [], { dir, env })).code, 0);
  return { dir, env, database };
}

/** mulberry32: the same choices again from the same seed. */
export function generator(start) {
  let state = start;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { random, pick: (list) => list[Math.floor(random() * list.length)], chance: (share) => random() < share };
}

/** An official client: `mount` is '/api/trpc' (superjson) or '/trpc', `fetch` in place of the global one. */
export function client(url, bearer, { mount = '/api/trpc', link = httpLink, ...options } = {}) {
  return createTRPCClient({
    links: [link({
      url: url + mount,
      ...(mount === '/api/trpc' ? { transformer: superjson } : {}),
      headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
      ...options,
    })],
  });
}

/** An open screen of a user: what it was told, by provider and status; and its last event id. */
export function openScreen(url, bearer, { mount = '/api/trpc', lastEventId } = {}) {
  const trpc = createTRPCClient({
    links: [httpSubscriptionLink({
      url: url + mount,
      ...(mount === '/api/trpc' ? { transformer: superjson } : {}),
      EventSource,
      connectionParams: () => ({ token: bearer }),
    })],
  });
  const screen = { told: [], events: [], states: [] };
  const subscription = trpc.integrations.events.subscribe(lastEventId === undefined ? undefined : { lastEventId }, {
    onData({ id, data }) {
      screen.lastEventId = id;
      screen.events.push(data);
      screen.told.push(`${data.provider} ${data.connection?.status ?? 'NONE'}`);
    },
    onError(error) { screen.error = error; },
    onConnectionStateChange({ state }) { screen.states.push(state); },
  });
  screen.close = () => subscription.unsubscribe();
  return screen;
}

/** The four ways in which apps call. */
export const WAYS = ['/api/trpc', '/trpc'].flatMap((mount) =>
  [httpLink, httpBatchLink].map((link) => ({ name: `${link.name} at ${mount}`, mount, link })));

/** Answer a consent page as a browser does: open it, submit its form with the button of that name. */
export async function consent(authUrl, button) {
  const page = await (await fetch(authUrl)).text();
  const form = page.match(/<form[^>]*action="([^"]*)"[^]*?<\/form>/);
  const fields = new URLSearchParams();
  for (const [tag] of form[0].matchAll(/<input[^>]*>/g)) {
    fields.set(tag.match(/name="([^"]*)"/)[1], tag.match(/value="([^"]*)"/)?.[1] ?? '');
  }
  const pressed = form[0].match(new RegExp(`<button[^>]*name="([^"]*)"[^>]*value="([^"]*)"[^>]*>\\s*${button}`));
  fields.set(pressed[1], pressed[2]);
  const reply = await fetch(new URL(form[1], authUrl), { method: 'POST', body: fields, redirect: 'manual' });
  return reply.headers.get('location');
}

/** Follow the redirect back through Tenon's callback; what the frontend's page is given. */
export async function comeBack(callbackUrl) {
  const reply = await fetch(callbackUrl, { redirect: 'manual' });
  const location = reply.headers.get('location');
  return location === null ? { refused: reply.status } : Object.fromEntries(new URL(location).searchParams);
}

/** Connect a provider from the click to ACTIVE; resolves with what `complete` answered. */
export async function connect(trpc, provider) {
  const begun = await trpc.integrations.connect.mutate({ provider });
  if (begun.connected) return begun;
  const { state, code } = await comeBack(await consent(begun.authUrl, 'Approve'));
  return trpc.integrations.complete.mutate({ provider, state, code });
}

/** Rows of Tenon's database as objects; `database` is its URL where it is not that of `tenon dev` in `dir`. */
export const rows = (dir, sql, database = databaseUrl(dir, '.tenon/tenon.db')) => query(database, sql);

/** Change the database behind the server's back. */
export const change = query;

/** Ask until it is so; the bound is for a machine that is stuck, not for one that is slow. */
export async function until(what, condition, timeoutMs = 30_000) {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await new Promise((next) => setTimeout(next, 20))) {
    const value = await condition();
    if (value) return value;
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`);
}

/** The sandbox's controls. */
export const control = (sandboxUrl, method, path, body) => fetch(`${sandboxUrl}/_sandbox/${path}`, {
  method,
  ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
});

/** The error that the official client throws; fails when it throws none. */
export async function refusal(call) {
  let value;
  try {
    value = await call;
  } catch (error) {
    return error;
  }
  throw new Error(`not refused: ${JSON.stringify(value)}`);
}

/** Deliver a webhook to Tenon as Composio does, signed with each of `secrets` for `body`, while `sent` is what goes out;
 * resolves with the status and the answer's word. */
export async function deliverTo(url, event, { id, age = 0, secrets, body = JSON.stringify(event), sent = body, headers }) {
  const timestamp = String(Math.floor(Date.now() / 1000) - age);
  const signature = (secret) => `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  const reply = await fetch(`${url}/webhooks/composio`, {
    method: 'POST',
    body: sent,
    headers: headers ?? {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': secrets.map(signature).join(' '),
      'x-composio-webhook-version': 'V3',
    },
  });
  const answer = await reply.json();
  return [reply.status, answer.status ?? answer.error.data.reason];
}

/** The event that says that an account has expired. */
export const expired = (id, more = {}) => ({
  id: 'msg_x', timestamp: new Date().toISOString(), type: 'composio.connected_account.expired',
  metadata: { project_id: 'pr_x', org_id: 'ok_x' },
  data: { id, toolkit: { slug: 'gmail' }, status: 'EXPIRED', status_reason: 'Permanent auth error during token refresh', ...more },
});

export { run };
