/* Users at work, and what they were told: so that afterwards it can be compared with what there is. A user does one thing at
 * a time; what was not acknowledged may or may not have happened, and is not expected. */
import assert from 'node:assert/strict';
import { client, comeBack, consent, generator, token } from '../clients/flow.mjs';
import { query } from '../database.mjs';
import { PROVIDERS, seededProvider, userName } from './fleet.mjs';

const AT_ONCE = 64;
const TOOLS = {
  gmail: { toolName: 'GMAIL_SEND_EMAIL', say: (text) => ({ recipient_email: 'bob@elsewhere.example', subject: text, body: 'x' }) },
  slack: { toolName: 'SLACK_SEND_MESSAGE', say: (text) => ({ channel: 'general', text }) },
};
/* Why a call may go without an answer: what it may have been told then. Everything else is a mistake of Tenon's. */
const REFUSED = ['OUTCOME_UNKNOWN', 'STILL_RUNNING', 'DATABASE_UNAVAILABLE', 'DATABASE_OUTCOME_UNKNOWN', 'CONSENT_LOST'];

class PageError extends Error {}

/** What is not JSON is nginx's own. */
async function answer(...request) {
  const reply = await fetch(...request);
  if (reply.status >= 500 && !reply.headers.get('content-type').startsWith('application/json')) throw new PageError(`nginx ${reply.status}`);
  return reply;
}
const at = (url, user) => client(url, token(user), { fetch: answer }).integrations;

/** Why a call failed: Tenon's reason, nginx's status, or that no answer came at all. */
const kindOf = (error) => error.data?.reason ?? [error, error.cause].find((one) => one instanceof PageError)?.message ?? 'no answer';

export class Load {
  connections = new Map(); // "user provider": whether connected, of what was acknowledged
  executions = new Map();  // by their text: what was asked and what was told
  good = [];               // {name, start, end} of each answer, in ms of performance.now()
  failed = new Map();      // "what: why" and how often
  wrong = [];              // answers that contradict what was acknowledged before
  #busy = new Set();

  constructor({ url, users, seed }) {
    Object.assign(this, { url, users, ...generator(seed) });
  }

  start() {
    this.going = true;
    this.workers = Promise.all(Array.from({ length: AT_ONCE }, () => this.#work()));
  }

  async stop() {
    this.going = false;
    await this.workers;
  }

  get sent() {
    return this.good.length + [...this.failed.values()].reduce((sum, count) => sum + count, 0);
  }

  async #work() {
    while (this.going) {
      const number = Math.floor(this.random() * this.users), user = userName(number);
      if (this.#busy.has(user)) continue;
      this.#busy.add(user);
      if (!this.connections.has(`${user} first`)) {
        this.connections.set(`${user} first`, true).set(`${user} ${seededProvider(number)}`, true);
      }
      await this.#step(user).catch((error) => {
        if (error.kind === undefined) this.wrong.push(`${user}: ${error.stack}`);
      });
      this.#busy.delete(user);
    }
  }

  /** One call, counted; rejects with an error that has `kind` when it is not answered. */
  async ask(name, call) {
    const start = performance.now();
    try {
      const value = await call();
      this.good.push({ name, start, end: performance.now() });
      return value;
    } catch (error) {
      const kind = kindOf(error), key = `${name}: ${kind}`;
      this.failed.set(key, (this.failed.get(key) ?? 0) + 1);
      if (!/^nginx 50[24]$|^page 50[234]$|^no answer$/.test(kind) && !REFUSED.includes(kind)) this.wrong.push(`${key}: ${error.message}`);
      throw Object.assign(error, { kind });
    }
  }

  async #step(user) {
    const integrations = at(this.url, user);
    const provider = this.pick(PROVIDERS), key = `${user} ${provider}`, choice = this.random();
    if (choice < 0.3) {
      const list = await this.ask('list', () => integrations.list.query());
      for (const name of PROVIDERS) this.#compare(user, name, list.find((entry) => entry.provider === name).connection?.status === 'ACTIVE');
    } else if (choice < 0.45) {
      this.#compare(user, provider, (await this.ask('status', () => integrations.status.query({ provider }))).connected);
    } else if (choice < 0.55 && this.connections.get(key)) {
      this.connections.delete(key); // until it is acknowledged, either is right
      await this.ask('disconnect', () => integrations.disconnect.mutate({ provider }));
      this.connections.set(key, false);
    } else if (this.connections.get(key)) {
      await this.#execute(integrations, user, provider);
    } else {
      this.connections.delete(key);
      await this.#connect(integrations, provider);
      this.connections.set(key, true);
    }
  }

  #compare(user, provider, connected) {
    const expected = this.connections.get(`${user} ${provider}`);
    if (expected !== undefined && expected !== connected) this.wrong.push(`${user} ${provider} is connected: ${connected}`);
  }

  async #connect(integrations, provider) {
    const begun = await this.ask('connect', () => integrations.connect.mutate({ provider }));
    if (begun.connected) return;
    const { state, code, refused } = await this.ask('callback', async () => {
      const back = await comeBack(await consent(begun.authUrl, 'Approve'));
      if (back.refused >= 500) throw new PageError(`page ${back.refused}`); // nginx's, or Tenon's without its database
      return back;
    });
    /* The browser's first answer was lost, and the code with it: the user begins again. */
    if (code === undefined) await this.ask('complete', () => Promise.reject(Object.assign(new Error(`${refused}`), { data: { reason: 'CONSENT_LOST' } })));
    await this.ask('complete', () => integrations.complete.mutate({ provider, state, code }));
  }

  /** Say something once, half of it under a key; of those, some ask twice at the same time. */
  async #execute(integrations, user, provider) {
    const text = `${user} says ${this.executions.size}`;
    const said = { user, provider, text, idempotencyKey: this.chance(0.5) ? text : undefined, results: [] };
    this.executions.set(text, said);
    const twice = said.idempotencyKey !== undefined && this.chance(0.2);
    await Promise.allSettled(Array.from({ length: twice ? 2 : 1 }, () => this.say(said, integrations)));
  }

  async say(said, { executeTool } = at(this.url, said.user)) {
    const { provider, text, idempotencyKey } = said, { toolName, say } = TOOLS[provider];
    const result = await this.ask(idempotencyKey === undefined ? 'execute' : 'execute (key)', () =>
      executeTool.mutate({ provider, toolName, parameters: say(text), idempotencyKey }));
    said.results.push(result);
    return result;
  }

  /* ---- afterwards ---- */

  /** Compare with the database and with what the sandbox has: {lost, twice}, descriptions of what is not as it should be. */
  compare(database, sandboxFile) {
    const lost = [...this.wrong], twice = [];
    const expect = (good, list, what) => { if (!good) list.push(what); };
    const rows = new Map(query(database, `SELECT "userId" || ' ' || "provider" AS key, "status", "composioAccountId" AS id
      FROM "UserConnection"`).map((row) => [row.key, row]));
    const active = new Set(query(sandboxFile, `SELECT "id" FROM "account" WHERE "deleted" = 0 AND "status" = 'ACTIVE'`).map(({ id }) => id));
    for (const [key, connected] of this.connections) {
      if (key.endsWith(' first')) continue;
      const row = rows.get(key);
      expect((row?.status === 'ACTIVE') === connected, lost, `${key}: acknowledged as connected: ${connected}, and is ${row?.status}`);
      expect(!connected || active.has(row?.id), lost, `${key}: acknowledged as connected, and its account is not`);
    }
    const records = new Map();
    for (const row of query(database, `SELECT "id", "status", "error", "response", COALESCE("parameters"->>'text', "parameters"->>'subject') AS text
      FROM "ToolExecution"`)) records.set(row.text, [...(records.get(row.text) ?? []), row]);
    const done = new Map();
    for (const { text } of query(sandboxFile, `SELECT COALESCE(json_extract("body", '$.subject'), json_extract("body", '$.text')) AS text
      FROM "thing" WHERE "kind" IN ('mail', 'message')`)) done.set(text, (done.get(text) ?? 0) + 1);
    for (const { text, results, idempotencyKey } of this.executions.values()) {
      const found = records.get(text) ?? [], times = done.get(text) ?? 0;
      expect(times <= 1, twice, `done ${times} times: ${text}`);
      expect(times === 0 || found.length > 0, lost, `done without a record: ${text}`);
      expect(found.length <= 1, twice, `recorded ${found.length} times: ${text}`);
      expect(found[0]?.status !== 'SUCCESS' || times === 1, lost, `recorded, but not done: ${text}`);
      for (const result of results) {
        const row = found.find(({ id }) => id === result.executionId);
        expect(row?.status === result.status && row.response !== null && same(JSON.parse(row.response), result.response), lost,
          `acknowledged as ${result.status}, and is ${row?.status} ${row?.error}: ${text} ${idempotencyKey === undefined ? '' : 'with a key'}`);
        expect(result.status !== 'SUCCESS' || times === 1, lost, `acknowledged, but not done: ${text}`);
      }
    }
    return { lost, twice };
  }

  /** Ask again for everything that has a key and was not answered: what ran is told, what nobody knows stays unknown, the rest
   * runs now. Resolves with how many ended in which way. */
  async repeat() {
    const ends = new Map();
    const open = [...this.executions.values()].filter(({ idempotencyKey, results }) => idempotencyKey !== undefined && results.length === 0);
    for (const said of open) {
      const end = await this.say(said).then(({ status }) => status, (error) => error.kind);
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    return ends;
  }

  /** The first answer to what was asked after `moment`, and the longest time without one, in ms. */
  firstGood(moment, names) {
    return Math.min(...this.good.filter(({ name, start }) => start > moment && (!names || names.includes(name))).map(({ end }) => end)) - moment;
  }

  longestSilence() {
    const ends = this.good.map(({ end }) => end).sort((a, b) => a - b);
    return Math.max(...ends.slice(1).map((end, index) => end - ends[index]));
  }
}

function same(a, b) {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}
