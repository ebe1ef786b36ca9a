/* Three instances behind nginx and PgBouncer, as docs/many-instances.md sets them up, and users who are connected already. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { client, control, installation, token } from '../clients/flow.mjs';
import { query } from '../database.mjs';
import { run, startSandbox, startServe, tempDir } from '../harness.mjs';
import { freePort, startBouncer, startNginx, startPrimary } from './services.mjs';

const INSTANCES = 3;
const SEEDED_AT_ONCE = 1000; // the sandbox takes up to 10,000 within half a minute

export const PROVIDERS = ['gmail', 'slack'];
export const userName = (number) => `user-${number}`;
/** What a user is connected to from the beginning. */
export const seededProvider = (number) => PROVIDERS[number % PROVIDERS.length];

/** One `tenon serve` that can be killed and started again where it was. */
class Instance {
  constructor(place, port) {
    this.place = { ...place, env: { ...place.env, LISTEN: `127.0.0.1:${port}` } };
    this.starts = 0;
    this.logs = [];
  }

  async start() {
    this.server = await startServe(this.place);
    this.starts++;
    this.up = true;
  }

  /** kill -9, and start again; resolves with the milliseconds until it answers a user of its own. */
  async restart() {
    const begun = performance.now();
    this.up = false;
    this.logs.push(this.server.log());
    await this.server.stop('SIGKILL');
    await this.start();
    await client(this.server.url, token(userName(0))).integrations.list.query();
    return performance.now() - begun;
  }

  log = () => [...this.logs, this.server.log()].join('');
}

/** Rows and accounts of users who connected long ago. */
async function seedUsers(sandbox, database, users) {
  for (let first = 0; first < users; first += SEEDED_AT_ONCE) {
    const accounts = Array.from({ length: Math.min(SEEDED_AT_ONCE, users - first) }, (_, index) => ({
      id: `ca_${first + index}`, auth_config_id: `ac_sandbox_${seededProvider(first + index)}`, user_id: userName(first + index),
      email: `${userName(first + index)}@corp.example` }));
    const reply = await control(sandbox.url, 'POST', 'seed', { accounts });
    assert.equal(reply.status, 200, await reply.text());
  }
  query(database, `INSERT INTO "UserConnection" ("id", "userId", "mcpServerId", "provider", "composioAccountId", "composioEntityId",
    "status", "connectedAt", "lastSyncedAt", "updatedAt") SELECT gen_random_uuid(), 'user-' || n, m."id", c."provider", 'ca_' || n,
    'user-' || n, 'ACTIVE', t, t, t FROM generate_series(0, ${users - 1}) n CROSS JOIN (SELECT CURRENT_TIMESTAMP(3) AT TIME ZONE 'UTC' AS t) now
    JOIN "AuthConfig" c ON c."provider" = (ARRAY[${PROVIDERS.map((name) => `'${name}'`)}])[n % ${PROVIDERS.length} + 1]
    JOIN "MCPServer" m ON m."authConfigId" = c."id"`);
  query(database, 'ANALYZE');
}

/** Everything, with `users` connected. What has been started ends with the process; stop() ends Tenon's in order. */
export async function startFleet(users) {
  const primary = await startPrimary();
  const bouncer = await startBouncer(primary);
  const sandboxFile = join(tempDir(), 'sandbox.db');
  const sandbox = await startSandbox({ args: ['--database', sandboxFile], env: { LOG_LEVEL: 'warn' } });
  const ports = await Promise.all(Array.from({ length: INSTANCES }, freePort));
  const nginx = await startNginx(ports.map((port) => `127.0.0.1:${port}`));
  const place = await installation(sandbox.url, { migrated: false });
  Object.assign(place.env, { DATABASE_URL: bouncer.url, PUBLIC_URL: nginx.url, EXECUTE_TIMEOUT_MS: '5000', WEBHOOKS: 'off' });
  for (const verb of ['migrate', 'setup']) {
    const { code, stderr } = await run(verb, [], place);
    assert.equal(code, 0, stderr);
  }
  await seedUsers(sandbox, primary.url, users);
  const instances = ports.map((port) => new Instance(place, port));
  await Promise.all(instances.map((instance) => instance.start()));
  return {
    primary, bouncer, nginx, sandboxFile, instances, url: nginx.url,
    async stop() {
      const ends = await Promise.all(instances.map(({ server }) => server.stop()));
      await sandbox.stop();
      nginx.kill();
      bouncer.kill();
      if (!primary.gone()) await primary.stop();
      return ends;
    },
  };
}
