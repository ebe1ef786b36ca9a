/* What PostgreSQL did for each statement that the program sent: its plans as they ran, with the rows and pages that they
 * touched, from auto_explain in the server's log. Needs scripts/with-postgres. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { until } from '../clients/flow.mjs';
import { query } from '../database.mjs';
import { psql } from './population.mjs';

const log = process.env.TENON_TEST_POSTGRES_LOG;

function readFrom(offset) {
  const bytes = Buffer.alloc(statSync(log).size - offset);
  const file = openSync(log, 'r');
  const length = readSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
  return bytes.toString('utf8', 0, length);
}

/** Every node of a plan, the top one first, with `inputs` under it. */
function* nodes(plan) {
  yield plan;
  for (const child of plan.Plans ?? []) yield* nodes(child);
}

/* Rows are said per loop, and rounded. */
const read = (node) => ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0) +
  (node['Rows Removed by Index Recheck'] ?? 0)) * (node['Actual Loops'] ?? 1);
const pages = (plan) => plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];

function summary(ms, text, plan) {
  const all = [...nodes(plan)];
  const scans = all.filter((node) => node['Relation Name'] !== undefined && /Scan$/.test(node['Node Type']));
  return {
    ms: Number(ms),
    text,
    pages: pages(plan),
    rows: scans.reduce((sum, node) => sum + read(node), 0),
    whole: scans.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name']),
    sorted: Math.max(0, ...all.filter((node) => /Sort$/.test(node['Node Type'])).map((node) => read(node.Plans[0]))),
    plan,
  };
}

/** Run `body` while every new session of the database records its plans: a map from the text of each statement of Tenon's to
 * what it did, each time that it ran. `body` is given `seen(part)`: whether the log holds this yet. */
export async function explained(url, body) {
  const database = decodeURIComponent(new URL(url).pathname.slice(1));
  const settings = { session_preload_libraries: "'auto_explain'", 'auto_explain.log_min_duration': 0, 'auto_explain.log_analyze': 'on',
    'auto_explain.log_timing': 'off', 'auto_explain.log_buffers': 'on', 'auto_explain.log_format': 'json' };
  const change = (words) => psql(url, Object.keys(settings).map((name) => `ALTER DATABASE "${database}" ${words(name)};`).join('\n'));
  await change((name) => `SET ${name} = ${settings[name]}`);
  const offset = statSync(log).size;
  try {
    await body((part) => readFrom(offset).includes(part));
  } finally {
    await change((name) => `RESET ${name}`);
  }
  // A session that still writes has written half a plan.
  await until('the sessions to end', () => query(url, `SELECT count(*) AS n FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`)[0].n === 0);
  const statements = new Map();
  for (const [, ms, json] of readFrom(offset).matchAll(/ duration: ([\d.]+) ms {2}plan:\n((?:\t.*\n)+)/g)) {
    const { 'Query Text': text, Plan: plan } = JSON.parse(json.replaceAll('\n\t', '\n'));
    if (/\$1|ToolSchema/.test(text)) statements.set(text, [...(statements.get(text) ?? []), summary(ms, text, plan)]);
  }
  assert.ok(statements.size > 0, `no plan in ${log}`);
  return statements;
}

const shown = (plan, depth = 0) => [`${'  '.repeat(depth)}${plan['Node Type']} ${plan['Index Name'] ?? plan['Relation Name'] ?? ''} ` +
  `rows=${read(plan)} pages=${pages(plan)}`, ...(plan.Plans ?? []).flatMap((child) => shown(child, depth + 1))];

/** What does not scale in these statements, in words; [] is well.
 *
 *   growing   names of tables that must not be read whole
 *   rows      that one statement may read at most, whichever the user
 *   sorted    that one may sort at most */
export function faults(statements, { growing, rows, sorted }) {
  return [...statements.values()].flat().flatMap((each) => [
    ...each.whole.filter((name) => growing.includes(name)).map((name) => `reads all of ${name}`),
    ...(each.rows > rows ? [`reads ${each.rows} rows`] : []),
    ...(each.sorted > sorted ? [`sorts ${each.sorted} rows`] : []),
  ].map((fault) => `${fault}: ${each.text}\n${shown(each.plan).join('\n')}`));
}

/** The most pages that one execution of each statement touched. */
export const mostPages = (statements) =>
  new Map([...statements].map(([text, list]) => [text, Math.max(...list.map((each) => each.pages))]));
