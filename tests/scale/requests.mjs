/* What is asked of a populated database (population.mjs), of everything that a user can ask, and of the reconciler. */
import { randomUUID } from 'node:crypto';
import { query } from '../database.mjs';
import { startServe } from '../harness.mjs';
import { client, comeBack, connect, consent, token, until } from '../clients/flow.mjs';
import { userId } from './population.mjs';

const PAGE = 20;

/** The cursor behind a user's first `rows` executions, as integrations.history writes it. */
function cursorBehind(url, number, rows) {
  const [{ at, id }] = query(url, `SELECT (EXTRACT(EPOCH FROM "executedAt") * 1000)::bigint AS at, "executionId" AS id FROM "UserExecution"
    WHERE "userId" = '${userId(number)}' ORDER BY "executedAt" DESC, "executionId" DESC OFFSET ${rows - 1} LIMIT 1`);
  return Buffer.from(`${at} ${id}`).toString('base64url');
}

/** Queries of one user: name, procedure, input; `deep` is how many executions the deep page is behind. */
export function queriesOf(url, number, deep) {
  const history = (name, input) => [`history, ${name}`, 'integrations.history', { limit: PAGE, ...input }];
  return [
    ['list', 'integrations.list', undefined],
    ['status', 'integrations.status', { provider: 'gmail' }],
    history('first page', {}),
    history('deep page', { cursor: cursorBehind(url, number, deep) }),
    history('of a provider', { provider: 'gmail' }),
    history('of a tool', { toolName: 'GMAIL_FETCH_EMAILS' }),
    history('of a tool and another provider', { toolName: 'GMAIL_FETCH_EMAILS', provider: 'slack' }),
    history('of a status', { status: 'FAILED' }),
  ];
}

export const EXECUTION = { provider: 'github', toolName: 'GITHUB_GET_THE_AUTHENTICATED_USER', parameters: {} };

/** One after the other on one connection and so often that PostgreSQL has chosen its plans for good (the sixth time). */
const TIMES = 7;
const startNarrow = ({ dir, env }, more) => startServe({ dir, env: { ...env, TENON_THREADS: '1', DATABASE_CONNECTIONS: '1',
  SYNC_INTERVAL_MS: '0', LOG_LEVEL: 'warn', ...more } });

/** Each query of a user, as queriesOf() has them. */
export async function askAll(place, number, deep) {
  const server = await startNarrow(place);
  const trpc = client(server.url, token(userId(number)));
  for (const [, procedure, input] of queriesOf(place.env.DATABASE_URL, number, deep)) {
    for (let i = 0; i < TIMES; i++) await procedure.split('.').reduce((at, name) => at[name], trpc).query(input);
  }
  await server.stop();
}

/** Everything that changes something: connecting, executing with and without a key, disconnecting, refusing. */
export async function doAll(place) {
  const server = await startNarrow(place);
  const { integrations } = client(server.url, token('a newcomer'));
  for (let i = 0; i < TIMES; i++) {
    await connect({ integrations }, 'github');
    await integrations.executeTool.mutate(EXECUTION);
    const key = randomUUID();
    for (let again = 0; again < 2; again++) await integrations.executeTool.mutate({ ...EXECUTION, idempotencyKey: key });
    await integrations.disconnect.mutate({ provider: 'github' });
  }
  await comeBack(await consent((await integrations.connect.mutate({ provider: 'slack' })).authUrl, 'Deny'));
  await server.stop();
}

/** Until the lease is given back, no instance reconciles. */
export const takeLease = (place) => query(place.env.DATABASE_URL, `INSERT INTO "Lease" VALUES ('reconciler', 'nobody', '2100-01-01')`);
export const giveLeaseBack = (place) => query(place.env.DATABASE_URL, 'DELETE FROM "Lease"');

/** One turn of the reconciler, with records older than `days` deleted; `seen` as explained() gives it. */
export async function reconcile(place, days, seen) {
  const server = await startNarrow(place, { EXECUTIONS_KEPT_DAYS: String(days) });
  await until('the last statement of a turn', () => seen('FROM \\"ToolSchema\\" LIMIT'), 600_000);
  await server.stop();
}
