/* What the tests of fleets have in common: how long they are, what they print, and what must hold in the end. */
import assert from 'node:assert/strict';
import { until } from '../clients/flow.mjs';
import { query } from '../database.mjs';

export const SECONDS = Number(process.env.FLEET_SECONDS ?? 10);
export const USERS = Number(process.env.FLEET_USERS ?? 10_000);
export const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

/* What a dead process had under way is closed so long after: its own deadline and two minutes, the lease of the reconciler
 * and a turn of it. */
const CLOSED_AFTER_MS = 240_000;
/** Whether what takes minutes is waited for. */
export const IN_FULL = process.env.FLEET_SECONDS !== undefined;

export const milliseconds = (list) => {
  const sorted = [...list].sort((a, b) => a - b);
  return `median ${Math.round(sorted[Math.floor(sorted.length / 2)])} ms, longest ${Math.round(sorted.at(-1))} ms`;
};

/** Print; with a load, what it asked and how often that was refused. */
export function tell(text, load) {
  console.log(text);
  if (load === undefined) return;
  const of = (counts, all) => counts.map(([what, count]) => `  ${what}: ${count} (${(100 * count / all).toFixed(2)} %)`).join('\n');
  const refused = load.sent - load.good.length;
  console.log(`${load.sent} requests, ${refused} not answered well (${(100 * refused / load.sent).toFixed(2)} %)`);
  if (refused > 0) console.log(of([...load.failed].sort((a, b) => b[1] - a[1]), load.sent));
}

/** What was cut off is closed by the reconciler, and then everything is as it was told; asked again under their keys, too. */
export async function settle(fleet, load, database) {
  const pending = () => query(database, `SELECT COUNT(*) AS n FROM "ToolExecution" WHERE "status" = 'PENDING'`)[0].n;
  const cut = pending();
  if (!IN_FULL) {
    query(database, 'DELETE FROM "Lease"');
    query(database, `UPDATE "OpenExecution" SET "closeAt" = '2026-01-01 00:00:00'`);
  }
  const begun = performance.now();
  await until('what was cut off is closed', () => pending() === 0, CLOSED_AFTER_MS);
  tell(`${cut} executions were cut off; closed as unknown ${IN_FULL ? `after ${Math.round((performance.now() - begun) / 1000)} s` : 'when their time was over'}`);
  const before = load.compare(database, fleet.sandboxFile);
  const ends = await load.repeat();
  tell(`asked again under their keys: ${[...ends].map(([end, count]) => `${count} ${end}`).join(', ') || 'none'}`);
  const { lost, twice } = load.compare(database, fleet.sandboxFile);
  tell(`acknowledged executions: ${[...load.executions.values()].filter(({ results }) => results.length > 0).length}, ` +
    `connections known: ${[...load.connections.keys()].filter((key) => !key.endsWith(' first')).length}`);
  tell(`double executions = ${twice.length}, lost = ${lost.length}`);
  assert.deepEqual({ ...before }, { lost: [], twice: [] });
  assert.deepEqual({ lost, twice }, { lost: [], twice: [] });
  assert.deepEqual(query(database, 'SELECT * FROM "OpenExecution"'), []);
}
