/* Random interleavings of everything that can happen to connections: two users, one of whom lures the other, two providers,
 * tabs that act at once, callbacks delivered twice, late or never, disconnects, changes at Composio behind our back, every
 * fault of Composio, kill -9. After each step the database and the sandbox are compared with what was done.
 *
 * Each lane is a pair of users of its own; lanes run side by side on one server. SEED and STEPS repeat a run. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Database, databaseUrl } from '../database.mjs';
import { address, startSandbox, startServe, tempDir } from '../harness.mjs';
import { client, comeBack, consent, control, generator, run, SECRET, token } from './flow.mjs';

const STEPS = Number(process.env.STEPS ?? 8000);
const LANES = 8;
const PROVIDERS = ['gmail', 'slack'];
const TOOL = { gmail: ['GMAIL_FETCH_EMAILS', { max_results: 1 }], slack: ['SLACK_FETCH_CONVERSATION_HISTORY', { channel: 'general' }] };
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

/* ---- the world ---- */

const world = { crashes: 0, steps: 0, proven: 0, refusals: new Map() };

async function startWorld() {
  const dir = tempDir();
  world.sandbox = await startSandbox({ dir, args: ['--database', join(dir, 'sandbox.db')] });
  world.env = {
    DATABASE_URL: databaseUrl(dir), JWT_SECRET: SECRET, COMPOSIO_API_KEY: 'ak_model', COMPOSIO_BASE_URL: world.sandbox.url,
    COMPOSIO_AUTH_CONFIG_GMAIL: 'ac_sandbox_gmail', COMPOSIO_AUTH_CONFIG_SLACK: 'ac_sandbox_slack',
    UPSTREAM_TIMEOUT_MS: '1500', EXECUTE_TIMEOUT_MS: '1500',
  };
  assert.equal((await run('migrate', [], { dir, env: world.env })).code, 0);
  assert.equal((await run('setup', [], { dir, env: world.env })).code, 0);
  world.dir = dir;
  world.tenon = await startServe({ dir, env: world.env });
  world.env.LISTEN = address(world.tenon.url);
  world.ours = new Database(databaseUrl(dir));
  world.theirs = new Database(`file:${join(dir, 'sandbox.db')}`);
}

after(async () => {
  world.ours?.close();
  world.theirs?.close();
  await Promise.all([world.tenon?.stop('SIGKILL'), world.sandbox?.stop('SIGKILL')]);
});

/* ---- a lane ---- */

class Lane {
  constructor(number) {
    Object.assign(this, generator(seed + number * 7919)); // of its own: a lane's choices do not depend on the others' timing
    this.users = [`ada-${number}`, `mallory-${number}`];
    this.clients = Object.fromEntries(this.users.map((user) => [user, client(world.tenon.url, token(user))]));
    this.attempts = []; // {user, provider, state, authUrl, answered, by, callback, code}
    this.codes = Object.fromEntries(this.users.map((user) => [user, []])); // what each one's browser was given
    this.consentedBy = new Map(); // account id → user whose browser approved
    this.presented = new Set(); // account ids whose state and code were presented by the attempt's own user
    this.elsewhere = new Set(); // account ids that Tenon did not make
    this.trail = [];
  }

  other(user) {
    return this.users.find((name) => name !== user);
  }

  /** Call Tenon. Refusals are fine if typed; a cut connection is fine while it was killed. */
  async call(what, action) {
    const before = world.restarting ? -1 : world.crashes;
    try {
      const value = await action();
      this.trail.push(`${what}: ${JSON.stringify(value)?.slice(0, 90)}`);
      return { value };
    } catch (error) {
      this.trail.push(`${what}: ${error.data?.reason ?? error.message}`);
      if (error.data?.reason) {
        world.refusals.set(error.data.reason, (world.refusals.get(error.data.reason) ?? 0) + 1);
        assert.notEqual(error.data.code, 'INTERNAL_SERVER_ERROR', `${what}: ${error.message}`);
        return { reason: error.data.reason };
      }
      await world.restarting;
      assert.ok(world.crashes > before, `${what} failed without a crash: ${error.stack}`);
      return { cut: true };
    }
  }

  async connect(user, provider) {
    const { value, reason } = await this.call(`${user} connects ${provider}`,
      () => this.clients[user].integrations.connect.mutate({ provider }));
    if (value?.needsAuth) this.attempts.push({ user, provider, state: value.state, authUrl: value.authUrl });
    return reason;
  }

  /** The user presses Connect again and again; or the attempt's link reaches the other one, who is lured into it. */
  async answer(attempt) {
    if (attempt === undefined || attempt.answered) return;
    attempt.by = this.chance(0.25) ? this.other(attempt.user) : attempt.user;
    const button = this.chance(0.85) ? 'Approve' : 'Deny';
    let callback;
    try {
      callback = await consent(attempt.authUrl, button);
    } catch {
      return; // the page itself met a fault, or the link has expired
    }
    if (callback === null) return;
    attempt.answered = true;
    attempt.callback = callback;
    attempt.account = new URL(callback).searchParams.get('connected_account_id');
    if (button === 'Approve') this.consentedBy.set(attempt.account, attempt.by);
    this.trail.push(`${attempt.by} answers ${attempt.user}'s ${attempt.provider} with ${button}`);
  }

  /** The browser that answered goes back, now, later, twice. */
  async callback(attempt) {
    if (attempt?.callback === undefined) return;
    const { value } = await this.call(`${attempt.by}'s browser comes back`, async () => comeBack(attempt.callback));
    if (value?.code) {
      attempt.code = value.code;
      this.codes[attempt.by].push(value.code);
    }
  }

  /** A user completes with a state that he knows, and a code that his browser was given, another or none. */
  async complete(user) {
    const known = this.attempts.filter((attempt) => attempt.user === user || this.chance(0.1));
    const attempt = this.pick(known.slice(-2));
    if (attempt === undefined) return undefined;
    const right = attempt.by === user ? attempt.code : undefined;
    const code = this.chance(0.75) ? right : this.pick([undefined, 'guessed', ...this.codes[user]]);
    const provider = this.chance(0.95) ? attempt.provider : this.pick(PROVIDERS);
    if (code !== undefined && code === attempt.code && user === attempt.user) this.presented.add(attempt.account);
    const { value, reason } = await this.call(`${user} completes ${attempt.user}'s ${provider} ${code === right ? '' : 'wrongly'}`,
      () => this.clients[user].integrations.complete.mutate({ provider, state: attempt.state, ...(code === undefined ? {} : { code }) }));
    if (value !== undefined) {
      assert.equal(attempt.user, user, 'a state of somebody else was taken');
      assert.equal(attempt.provider, provider, 'a state of another provider was taken');
      assert.equal(code, attempt.code, 'completed without its code');
      world.proven++;
    }
    return reason;
  }

  /** The user connects the account elsewhere in the same Composio project: Tenon may adopt it. */
  async connectElsewhere(user, provider) {
    const reply = await fetch(`${world.sandbox.url}/api/v3.1/connected_accounts/link`, {
      method: 'POST',
      headers: { 'x-api-key': 'ak_model', 'content-type': 'application/json' },
      body: JSON.stringify({ auth_config_id: `ac_sandbox_${provider}`, user_id: user, callback_url: 'http://127.0.0.1:9/elsewhere' }),
    }).catch(() => undefined);
    const link = await reply?.json().catch(() => undefined);
    if (link?.redirect_url === undefined) return; // a fault meant for us
    this.consentedBy.set(link.connected_account_id, user);
    this.presented.add(link.connected_account_id);
    this.elsewhere.add(link.connected_account_id);
    await consent(link.redirect_url, 'Approve').catch(() => undefined);
    this.trail.push(`${user} connects ${provider} elsewhere`);
  }

  async behindOurBack(user) {
    const accounts = await this.accounts();
    const account = this.pick(accounts.filter((row) => row.user_id === user && row.status === 'ACTIVE'));
    if (account === undefined) return;
    const status = this.pick(['EXPIRED', 'INACTIVE', 'REVOKED', 'FAILED']);
    await control(world.sandbox.url, 'POST', `accounts/${account.id}`, { status });
    this.trail.push(`Composio says ${status} of ${user}'s ${account.id}`);
  }

  async fault() {
    if (this.chance(0.4)) {
      await control(world.sandbox.url, 'DELETE', 'faults');
      return;
    }
    const fault = this.pick([{ status: 500, retry_after: 0 }, { status: 503, retry_after: 0 }, { status: 429, retry_after: 0 },
      { status: 401 }, { status: 404 }, { reset: true }, { garbage: true }, { truncate: true }, { html: true }, { latency_ms: 2500 }]);
    /* What a read cannot survive is a lie, not a fault: 404 is one only for executions and links. */
    const path = fault.status === 404 ? this.pick(['/tools/execute', '/connected_accounts/link'])
      : this.pick(['/tools/execute', '/connected_accounts/link', '/connected_accounts', '/connected_accounts/ca_']);
    await control(world.sandbox.url, 'POST', 'faults',
      [{ match: { path }, fault: { ...fault, ...(this.chance(0.4) && !fault.latency_ms ? { after: true } : {}) }, times: 1 + Math.floor(this.random() * 3) }]);
  }

  async step() {
    const user = this.pick(this.users);
    const provider = this.pick(PROVIDERS);
    const recent = this.pick(this.attempts.slice(-2));
    const actions = [
      [12, () => this.connect(user, provider)],
      [24, () => this.answer(recent)],
      [24, () => this.callback(recent)],
      [30, () => this.complete(recent?.user ?? user)],
      [4, () => this.complete(user)],
      [8, async () => (await this.call(`${user} disconnects ${provider}`, () => this.clients[user].integrations.disconnect.mutate({ provider }))).reason],
      [6, async () => (await this.call(`${user} asks for ${provider}`, () => this.clients[user].integrations.status.query({ provider }))).reason],
      [8, async () => (await this.call(`${user} runs ${provider}`, () => this.clients[user].integrations.executeTool.mutate(
        { provider, toolName: TOOL[provider][0], parameters: TOOL[provider][1] }))).reason],
      [2, () => this.connectElsewhere(user, provider)],
      [4, () => this.behindOurBack(user)],
      [2, () => this.fault()],
    ];
    let at = this.random() * actions.reduce((sum, [weight]) => sum + weight, 0);
    return actions.find(([weight]) => (at -= weight) < 0)[1]();
  }

  list(users) {
    return users.map((user) => `'${user}'`).join(',');
  }

  rows() {
    return world.ours.query(`SELECT c.*, a."composioAuthId" FROM "UserConnection" c JOIN "AuthConfig" a ON a."provider" = c."provider"
      WHERE "userId" IN (${this.list(this.users)}) ORDER BY c."id"`);
  }

  accounts() {
    return world.theirs.query(`SELECT * FROM account WHERE user_id IN (${this.list(this.users)})`);
  }

  async check() {
    const rows = await this.rows();
    const accounts = new Map((await this.accounts()).map((account) => [account.id, account]));
    const seen = new Set();
    for (const row of rows) {
      const key = `${row.userId} ${row.provider}`;
      assert.ok(!seen.has(key), `two rows: ${key}`); // 1
      seen.add(key);
      const account = accounts.get(row.composioAccountId);
      assert.equal(account?.user_id, row.userId, `${key} holds an account that is not its user's`); // 1
      assert.equal(account.auth_config_id, row.composioAuthId, `${key} holds an account of another auth config`); // 1
      if (row.status === 'ACTIVE') {
        assert.equal(this.consentedBy.get(account.id), row.userId, `${key} is ACTIVE, approved by somebody else or nobody`); // 2
        assert.ok(this.presented.has(account.id), `${key} is ACTIVE, never proven`); // 2
      }
    }
    return rows;
  }

  /** One step or two at once; what failed to be read changed nothing. */
  async turn() {
    const before = await this.check();
    const both = this.chance(0.3);
    const reasons = await Promise.all(both ? [this.step(), this.step()] : [this.step()]);
    const now = await this.check();
    if (!both && /^UPSTREAM_(UNAVAILABLE|TIMEOUT|BUSY|KEY_REFUSED|REJECTED)$/.test(reasons[0] ?? '')) { // 3
      const accounts = new Map((await this.accounts()).map((account) => [account.id, account.status]));
      for (const row of before.filter(({ status, composioAccountId }) => status === 'ACTIVE' && accounts.get(composioAccountId) === 'ACTIVE')) {
        const same = now.find(({ id }) => id === row.id);
        assert.equal(same.status, 'ACTIVE', `changed by a failed read: ${this.trail.at(-1)}`);
        assert.equal(same.composioAccountId, row.composioAccountId, `changed by a failed read: ${this.trail.at(-1)}`);
      }
    }
    world.steps += reasons.length;
  }

  /** All is quiet and Composio well: what we say and what it says agree, and no account is forgotten. */
  async settle() {
    for (const user of this.users) {
      for (const provider of PROVIDERS) {
        const { value } = await this.call(`${user} connects ${provider} at the end`, () => this.clients[user].integrations.connect.mutate({ provider }));
        assert.ok(value, this.trail.at(-1));
        const row = (await this.check()).find((found) => found.userId === user && found.provider === provider);
        const [account] = await world.theirs.query(`SELECT * FROM account WHERE id = '${row.composioAccountId}'`);
        assert.equal(value.connected, row.status === 'ACTIVE');
        if (value.connected) assert.equal(account.status, 'ACTIVE', `${user}'s ${provider} says ACTIVE, Composio ${account.status}`); // 4
      }
    }
    const known = new Set((await world.ours.query(`SELECT "composioAccountId" AS id FROM "UserConnection" WHERE "status" <> 'REVOKED'
      UNION SELECT "composioAccountId" FROM "ConnectAttempt" UNION SELECT "composioAccountId" FROM "CleanupJob"`)).map(({ id }) => id));
    for (const account of await this.accounts()) {
      if (account.status !== 'ACTIVE' || account.deleted || this.elsewhere.has(account.id)) continue;
      assert.ok(known.has(account.id), `${account.id} is ACTIVE and forgotten`);
    }
  }
}

async function crash() {
  let over;
  world.restarting = new Promise((resolve) => { over = resolve; });
  world.crashes++;
  await world.tenon.stop('SIGKILL');
  world.tenon = await startServe({ dir: world.dir, env: world.env });
  over();
  world.restarting = undefined;
}

test(`the four invariants hold through ${STEPS} steps (SEED=${seed})`, { timeout: 300_000 }, async () => {
  await startWorld();
  const lanes = Array.from({ length: LANES }, (_, number) => new Lane(number));
  let running = LANES;
  const crashing = (async () => {
    for (let next = STEPS / 40; running > 0 && world.steps < STEPS; await new Promise((again) => setTimeout(again, 5))) {
      if (world.steps >= next) {
        next += STEPS / 40;
        await crash();
      }
    }
  })();
  const ends = await Promise.allSettled(lanes.map(async (lane) => {
    try {
      while (world.steps < STEPS) await lane.turn();
    } catch (error) {
      world.steps = Infinity; // the others need not go on
      error.message += `\nSEED=${seed}, the lane's last steps:\n  ${lane.trail.slice(-25).join('\n  ')}`;
      throw error;
    } finally {
      running--;
    }
  }));
  await crashing;
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  await control(world.sandbox.url, 'DELETE', 'faults');
  for (const lane of lanes) await lane.settle();
  console.log(`# ${world.steps} steps, ${world.crashes} crashes, ${world.proven} completions, refusals: ${
    [...world.refusals].map(([reason, count]) => `${reason} ${count}`).join(', ')}`);
  assert.ok(world.proven > STEPS / 60, 'the test connects too rarely to mean anything');
  assert.equal((await world.tenon.stop()).code, 0);
});
