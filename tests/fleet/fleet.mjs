/* Three instances behind nginx and PgBouncer, as docs/many-instances.md sets them up, and users who are connected already. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { client, control, installation, token } from '../clients/flow.mjs';
import { query } from '../database.mjs';
import { run, startSandbox, startServe, tempDir } from '../harness.mjs';
import { freePort, startBouncer, startNginx, startPrimary } from './services.mjs';

const INSTANCES = 3;

export const PROVIDERS = ['gmail', 'slack'];
export const userName = (number) => `user-${number}`;
/** What a user is connected to from the beginning. */
export const seededProvider = (number) => PROVIDERS[number % PROVIDERS.length];

/** One `tenon serve` that can be killed and started again where it was. */
class Instance {
  constructor(place, port) {
    this.place = { ...place, env: { ...place.env, LISTEN: `127.0.0.1:${port}` } };
    this.starts = 0;
    this.up = true; // but between a kill and the first answer after it
    this.logs = [];
  }

  async start() {
    this.server = await startServe(this.place);
    this.starts++;
  }

  /** kill -9, and start again; resolves with the milliseconds until it answers a user of its own. */
  async restart() {
    const begun = performance.now();
    this.up = false;
    this.logs.push(this.server.log());
    await this.server.stop('SIGKILL');
    await this.start();
    await client(this.server.url, token(userName(0))).integrations.list.query();
    this.up = true;
    return performance.now() - begun;
  }

  log = () => [...this.logs, this.server.log()].join('');
}

/** Rows and accounts of users who connected long ago: the first of each provider as the sandbox makes it, the rest like that. */
async function seedUsers(sandbox, sandboxFile, database, users) {
  const accounts = PROVIDERS.map((provider, number) => ({
    id: `ca_${number}`, auth_config_id: `ac_sandbox_${provider}`, user_id: userName(number), email: `${userName(number)}@corp.example` }));
  assert.equal((await control(sandbox.url, 'POST', 'seed', { accounts })).status, 200);
  query(sandboxFile, `WITH RECURSIVE series (n) AS (SELECT ${PROVIDERS.length} UNION ALL SELECT n + 1 FROM series WHERE n + 1 < ${users})
    INSERT INTO "account" ("id", "uuid", "auth_config_id", "user_id", "status", "word_id", "shared", "data", "email", "flow_started_at",
    "created_at", "updated_at") SELECT 'ca_' || n, lower(hex(randomblob(16))), "auth_config_id", 'user-' || n, "status", 'word-' || n, "shared",
    "data", 'user-' || n || '@corp.example', "flow_started_at", "created_at", "updated_at" FROM series
    JOIN "account" first ON first."id" = 'ca_' || (n % ${PROVIDERS.length})`);
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
  const standbyPort = await freePort(); // startStandby()'s, if there will be one
  const direct = `postgresql://tenon@127.0.0.1:${primary.port},127.0.0.1:${standbyPort}/tenon?target_session_attrs=read-write`;
  const bouncer = await startBouncer(primary);
  const sandboxFile = join(tempDir(), 'sandbox.db');
  const sandbox = await startSandbox({ args: ['--database', sandboxFile], env: { LOG_LEVEL: 'warn' } });
  const ports = await Promise.all(Array.from({ length: INSTANCES }, freePort));
  const nginx = await startNginx(ports.map((port) => `127.0.0.1:${port}`));
  const place = await installation(sandbox.url, { migrated: false });
  Object.assign(place.env, { DATABASE_URL: bouncer.url, DATABASE_DIRECT_URL: direct, PUBLIC_URL: nginx.url,
    EXECUTE_TIMEOUT_MS: '5000', WEBHOOKS: 'off' });
  for (const verb of ['migrate', 'setup']) {
    const { code, stderr } = await run(verb, [], place);
    assert.equal(code, 0, stderr);
  }
  await seedUsers(sandbox, sandboxFile, primary.url, users);
  const instances = ports.map((port) => new Instance(place, port));
  await Promise.all(instances.map((instance) => instance.start()));
  return {
    primary, standbyPort, bouncer, nginx, sandboxFile, instances, url: nginx.url,
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
