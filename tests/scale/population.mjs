/* A database with as many users and executions as one likes, made inside PostgreSQL. Every database has the same *active*
 * users (1 to `active`: `each` executions and five to one connections), so that what is asked of them can be compared
 * between a small and a large one; user 0 has a tenth of all executions, the other users have the rest. Ids of users and
 * connections are spread over their indexes, executions over time and so over the tables, as in a life of 90 days. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { query } from '../database.mjs';

const DAYS = 90;
const DAY_MS = 24 * 3600 * 1000;
export const GROWING = ['UserConnection', 'ToolExecution', 'UserExecution', 'OAuthState', 'ConnectAttempt', 'CleanupJob',
  'IdempotencyKey', 'OpenExecution', 'WebhookDelivery'];
const TOOLS = {
  gmail: ['GMAIL_FETCH_EMAILS', 'GMAIL_LIST_THREADS', 'GMAIL_SEND_EMAIL'],
  calendar: ['GOOGLECALENDAR_EVENTS_LIST', 'GOOGLECALENDAR_FIND_EVENT', 'GOOGLECALENDAR_CREATE_EVENT'],
  slack: ['SLACK_SEND_MESSAGE', 'SLACK_SEARCH_MESSAGES', 'SLACK_LIST_ALL_USERS'],
  notion: ['NOTION_FETCH_DATA', 'NOTION_FETCH_ROW', 'NOTION_UPDATE_PAGE'],
  github: ['GITHUB_GET_THE_AUTHENTICATED_USER', 'GITHUB_LIST_COMMITS', 'GITHUB_CREATE_AN_ISSUE'],
};

/** The id of a user; in SQL `userIdOf`. */
export const userId = (number) =>
  createHash('md5').update(`user ${number}`).digest('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
const userIdOf = (number) => `md5('user ' || ${number})::uuid::text`;
const connectionIdOf = (number, provider) => `md5('connection ' || ${number} || ${provider})::uuid::text`;
const accountIdOf = (what, number) => `'ca_${what}_' || ${number}`;
const list = (names) => `(ARRAY[${names.map((name) => `'${name}'`)}])`;
const time = (ms) => `TIMESTAMP '${new Date(ms).toISOString().slice(0, -1)}'`;

/** Run statements in a session of their own. */
export function psql(url, text) {
  const child = spawn('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', url], { stdio: ['pipe', 'inherit', 'inherit'] });
  child.stdin.end(text);
  return new Promise((done, fail) => {
    child.once('close', (code) => (code === 0 ? done() : fail(new Error(`psql ended with ${code}`))));
  });
}

/** Of small tables PostgreSQL rather reads some pages in a row than a few here and there: have it plan as for large ones. */
export const asIfLarge = (url) => psql(url, `ALTER DATABASE "${new URL(url).pathname.slice(1)}" SET random_page_cost = 1.1;`);

/* How to take the indexes of a table away and make the same again: to fill it row by row through them takes hours. */
function indexes(url, table) {
  const constraints = query(url, `SELECT c.conname AS name, pg_get_constraintdef(c.oid) AS definition FROM pg_constraint c
    WHERE c.conrelid = '"${table}"'::regclass AND c.contype = 'p'
    AND NOT EXISTS (SELECT 1 FROM pg_constraint f WHERE f.confrelid = c.conrelid AND f.contype = 'f')`);
  const others = query(url, `SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
    WHERE i.indrelid = '"${table}"'::regclass AND NOT i.indisprimary`);
  return {
    drop: [...constraints.map(({ name }) => `ALTER TABLE "${table}" DROP CONSTRAINT "${name}";`),
      ...others.map(({ name }) => `DROP INDEX ${name};`)].join('\n'),
    make: [...constraints.map(({ name, definition }) => `ALTER TABLE "${table}" ADD CONSTRAINT "${name}" ${definition};`),
      ...others.map(({ definition }) => `${definition};`)].join('\n'),
  };
}

/* Filled in the transaction that empties it: with wal_level=minimal nothing of that goes through the log. */
async function fill(url, table, insert) {
  const { drop, make } = indexes(url, table);
  await psql(url, `SET client_min_messages = warning; BEGIN; SET LOCAL session_replication_role = replica; SET LOCAL synchronous_commit = off;
    SET LOCAL max_parallel_maintenance_workers = 0; TRUNCATE "${table}" CASCADE; ${drop}
    ${insert}; ${make} COMMIT; VACUUM (ANALYZE) "${table}";`);
}

/* Execution i: whose, when, by which tool. */
function executions({ users, active, each, count, start }) {
  const own = active * each;
  const step = Math.max(1, Math.floor(count / own / 10) * 10); // of 10 one is user 0's, of `step` one an active user's
  const nth = step === 1 ? '(i - i / 10)' : `(i / ${step})`;
  return `(SELECT i, u, h, at, 1 + h % (5 - u % 5) AS p,
    regexp_replace(lpad(to_hex((EXTRACT(EPOCH FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(i::text), 1, 3) || '8'
      || substr(md5(i::text), 4, 15), '(.{8})(.{4})(.{4})(.{4})(.*)', '\\1-\\2-\\3-\\4-\\5') AS id
    FROM (SELECT i, abs(hashint8(i)::bigint) AS h, ${time(start)} + i * INTERVAL '${(DAYS * DAY_MS) / count} ms' AS at,
      CASE WHEN i % 10 = 0 THEN 0 WHEN i % ${step} = ${1 % step} THEN 1 + ${nth} % ${active}
        ELSE ${active + 1} + abs(hashint8(-i)::bigint) % NULLIF(${users - active}, 0) END AS u
      FROM generate_series(1::bigint, ${count}) i) drawn) e`;
}

const provider = `${list(Object.keys(TOOLS))}[e.p]`;
const tool = `${list(Object.values(TOOLS).flat())}[3 * (e.p - 1) + 1 + (e.h / 7) % 3]`;

/** Fill a database that `tenon migrate` and `tenon setup` have made.
 *
 *   users, active, each, executions   how many; active * each is at most a third of the executions */
export async function populate(url, { users, active, each, executions: count }) {
  const now = Date.now();
  const drawn = executions({ users, active, each, count, start: now - DAYS * DAY_MS });
  await fill(url, 'UserConnection', `INSERT INTO "UserConnection" ("id", "userId", "mcpServerId", "provider", "composioAccountId",
      "composioEntityId", "status", "connectedAt", "lastUsedAt", "lastSyncedAt", "metadata", "createdAt", "updatedAt")
    SELECT ${connectionIdOf('u', 'a."provider"')}, ${userIdOf('u')}, m."id", a."provider", ${accountIdOf('made', `u || '_' || a."provider"`)},
      ${userIdOf('u')}, 'ACTIVE', ${time(now)}, NULL, ${time(now)}, '{"accountLabel": "somebody@example.com"}', ${time(now)}, ${time(now)}
    FROM generate_series(0, ${users}) u, "AuthConfig" a JOIN "MCPServer" m ON m."authConfigId" = a."id"
    WHERE array_position(ARRAY[${Object.keys(TOOLS).map((name) => `'${name}'`)}], a."provider") <= 5 - u % 5`);
  await Promise.all([
    fill(url, 'ToolExecution', `INSERT INTO "ToolExecution" ("id", "connectionId", "toolName", "parameters", "response", "status",
        "error", "executedAt", "duration")
      SELECT e.id, ${connectionIdOf('u', provider)}, ${tool}, jsonb_build_object('query', 'invoice ' || i, 'max_results', 5),
        jsonb_build_object('messages', jsonb_build_array(md5(i::text)), 'next', NULL),
        CASE WHEN (e.h / 31) % 11 = 0 THEN 'FAILED' ELSE 'SUCCESS' END::"ExecutionStatus",
        CASE WHEN (e.h / 31) % 11 = 0 THEN 'the provider was asked too often' END, e.at, e.h % 2000 FROM ${drawn}`),
    fill(url, 'UserExecution', `INSERT INTO "UserExecution" ("userId", "executedAt", "executionId", "provider", "toolName")
      SELECT ${userIdOf('u')}, e.at, e.id, ${provider}, ${tool} FROM ${drawn}`),
  ]);
  await around(url, users, now);
}

/* What else grows with use: attempts of a day, of which some are open, some overdue; keys of a day; executions of which the
 * process died. Nothing of it makes the reconciler ask Composio about accounts that it does not have, but for ten. */
async function around(url, users, now) {
  const attempts = Math.ceil(users / 10);
  const later = time(now + 3600_000), past = time(now - 3600_000);
  await fill(url, 'ConnectAttempt', `INSERT INTO "ConnectAttempt" ("id", "state", "callbackHash", "userId", "provider", "authConfigId",
      "composioAccountId", "outcome", "expiresAt", "createdAt", "updatedAt")
    SELECT 'attempt ' || i, md5('state ' || i), md5('hash ' || i), ${userIdOf('i')}, 'gmail', 'ac', ${accountIdOf('tried', 'i')},
      CASE WHEN i % 500 = 0 OR i <= 10 THEN 'OPEN' ELSE 'PROVEN' END, CASE WHEN i <= 10 THEN ${past} ELSE ${later} END,
      ${time(now - DAY_MS)}, ${time(now)} FROM generate_series(1, ${attempts}) i`);
  await fill(url, 'OAuthState', `INSERT INTO "OAuthState" ("id", "state", "userId", "provider", "redirectUri", "expiresAt", "createdAt")
    SELECT "id", "state", "userId", "provider", 'http://127.0.0.1', "expiresAt", "createdAt" FROM "ConnectAttempt"`);
  await fill(url, 'CleanupJob', `INSERT INTO "CleanupJob" ("id", "composioAccountId", "reason", "notBefore")
    SELECT 'job ' || i, ${accountIdOf('gone', 'i')}, 'REPLACED', ${later} FROM generate_series(1, ${attempts}) i`);
  await fill(url, 'WebhookDelivery', `INSERT INTO "WebhookDelivery" SELECT 'msg ' || i, ${time(now)} - i * INTERVAL '${DAY_MS / attempts} ms'
    FROM generate_series(1, ${attempts}) i`);
  await fill(url, 'IdempotencyKey', `INSERT INTO "IdempotencyKey" ("userId", "key", "digest", "executionId", "expiresAt")
    SELECT "userId", 'key ' || "executionId", 'digest', "executionId", ${later} FROM "UserExecution" WHERE right("executionId", 1) = '0'`);
  await fill(url, 'OpenExecution', `WITH dead AS (UPDATE "ToolExecution" SET "status" = 'PENDING', "response" = NULL WHERE "id" IN
      (SELECT "id" FROM "ToolExecution" ORDER BY "executedAt" DESC LIMIT 20) RETURNING "id")
    INSERT INTO "OpenExecution" SELECT "id", ${past} FROM dead
    UNION ALL SELECT 'running ' || i, ${later} FROM generate_series(1, ${attempts}) i`);
}
