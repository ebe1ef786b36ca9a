/* Whether one user's requests cost the same among a thousand users and among a million with ten million executions: a
 * server on each of two databases of one PostgreSQL server, asked in turn; requests a second, CPU time of Tenon and of
 * PostgreSQL a request, and their ratio; then the plans of every statement, and what a turn of the reconciler costs.
 * In some minutes: USERS=20000 ACTIVE=100 EXECUTIONS=200000 ROUNDS=1 SECONDS=1. A database that is there already is used again:
 * under `scripts/with-postgres bash` it can be run more than once. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { client, connect, installation, token } from '../tests/clients/flow.mjs';
import { query } from '../tests/database.mjs';
import { run, startSandbox, startServe } from '../tests/harness.mjs';
import { explained, faults, mostPages } from '../tests/scale/plans.mjs';
import { asIfLarge, GROWING, populate, userId } from '../tests/scale/population.mjs';
import { askAll, doAll, EXECUTION, giveLeaseBack, queriesOf, reconcile, takeLease } from '../tests/scale/requests.mjs';

const setting = (name, otherwise) => Number(process.env[name] ?? otherwise);
const ROUNDS = setting('ROUNDS', 5);
const SECONDS = setting('SECONDS', 3);
const ACTIVE = setting('ACTIVE', 1000); // users who ask, each with …
const EACH = 200; // … executions, in either database
const EXECUTORS = 20;
const KEPT_DAYS = 89; // of 90
const LARGE = { users: setting('USERS', 1_000_000), executions: setting('EXECUTIONS', 10_000_000) };
const SMALL = { users: 1000, executions: Math.ceil((ACTIVE * EACH * 10) / 9) };

const postgres = process.env.TENON_TEST_POSTGRES;
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const grouped = (number) => Math.round(number).toLocaleString('en');
const row = (cells, widths) => console.log(cells.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[0]) : String(cell).padStart(widths[i]))).join(' '));

/** CPU seconds of processes, all their threads. */
const cpu = (pids) => pids.reduce((sum, pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return sum + (Number(fields[11]) + Number(fields[12])) / ticks;
}, 0);

/* ---- the two databases ---- */

const sandbox = await startSandbox();

async function prepare(size) {
  const place = await installation(sandbox.url, { migrated: false });
  const name = `scale-${size.users}-${size.executions}`;
  const url = postgres.replace(/[^/]*$/, name);
  Object.assign(place.env, { DATABASE_URL: url, TENON_THREADS: '1', LOG_LEVEL: 'warn', SYNC_INTERVAL_MS: '0' });
  const [{ n }] = query(postgres, `SELECT count(*) AS n FROM pg_database WHERE datname = '${name}'`);
  if (n === 0) query(postgres, `CREATE DATABASE "${name}"`);
  for (const verb of ['migrate', 'setup']) {
    const { code, stderr } = await run(verb, [], place);
    if (code !== 0) throw new Error(stderr);
  }
  if (n === 0) {
    await populate(url, { ...size, active: ACTIVE, each: EACH });
    takeLease(place); // the reconciler has its turn at the end
    if (LARGE.users < 100_000) await asIfLarge(url);
  }
  const [{ bytes }] = query(postgres, `SELECT pg_database_size('${name}') AS bytes`);
  console.log(`${grouped(size.users)} users, ${grouped(size.executions)} executions: ${(bytes / 1e9).toFixed(2)} GB`);
  return { ...place, ...size, url };
}

const places = [await prepare(SMALL), await prepare(LARGE)];

/* ---- requests ---- */

const get = ([, procedure, input]) =>
  `/trpc/${procedure}${input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`}`;
/** What each kind of request sends: lines of path and token, which wrk goes through in turn. */
function scripts(place) {
  const files = new Map();
  const add = (name, lines) => files.set(name, [...(files.get(name) ?? []), ...lines]);
  for (let number = 1; number <= ACTIVE; number++) {
    for (const each of queriesOf(place.url, number, EACH / 2)) add(each[0], [`${get(each)} ${token(userId(number))}`]);
  }
  for (const each of queriesOf(place.url, 0, place.executions / 20)) add(`${each[0]} (user with 1/10)`, [`${get(each)} ${token(userId(0))}`]);
  add('executeTool', Array.from({ length: EXECUTORS }, (_, i) => `/trpc/integrations.executeTool ${token(`executor ${i}`)}`));
  return new Map([...files].map(([name, lines]) => {
    const list = join(place.dir, name.replaceAll(/\W+/g, '-'));
    writeFileSync(list, lines.join('\n'));
    writeFileSync(`${list}.lua`, `local requests, next = {}, 0
function init()
  for line in io.lines("${list}") do
    local path, token = line:match("(%S+) (%S+)")
    local headers = { authorization = "Bearer " .. token, ["content-type"] = "application/json" }
    requests[#requests + 1] = ${name === 'executeTool' ? `wrk.format("POST", path, headers, '${JSON.stringify(EXECUTION)}')` : 'wrk.format("GET", path, headers)'}
  end
end
function request() next = next % #requests + 1 return requests[next] end\n`);
    return [name, `${list}.lua`];
  }));
}

function load(place, script) {
  const pids = query(place.url, `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
    AND backend_type = 'client backend' AND application_name <> 'psql'`).map(({ pid }) => pid);
  const tenon = [place.server.process.pid];
  const before = [cpu(tenon), cpu(pids)];
  const out = execFileSync('wrk', ['-t1', '-c16', `-d${SECONDS}`, '-s', script, place.server.url], { encoding: 'utf8' });
  if (/Non-2xx|Socket errors/.test(out)) throw new Error(`${script}: ${out}`);
  const requests = Number(out.match(/(\d+) requests in/)[1]);
  const [ofTenon, ofPostgres] = [cpu(tenon) - before[0], cpu(pids) - before[1]].map((spent) => (spent / requests) * 1e6);
  return { rate: Number(out.match(/Requests\/sec:\s+([\d.]+)/)[1]), tenon: ofTenon, postgres: ofPostgres };
}

async function measure() {
  for (const place of places) {
    place.server = await startServe(place);
    for (let i = 0; i < EXECUTORS; i++) await connect(client(place.server.url, token(`executor ${i}`)), EXECUTION.provider);
    place.scripts = scripts(place);
    for (const script of place.scripts.values()) load(place, script); // fills caches
  }
  const results = new Map([...places[0].scripts.keys()].map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, list] of results) list.push(places.map((place) => load(place, place.scripts.get(name))));
  }
  for (const place of places) await place.server.stop();
  return results;
}

function printMeasured(results) {
  const widths = [48, 8, 8, 6, 8, 8, 6, 8, 8, 6];
  console.log(`\n${ROUNDS} rounds of ${SECONDS} s each in turn, 16 connections, one loop; medians: small, large, large / small`);
  row(['', 'requests', '/s', '', 'CPU µs', 'Tenon', '', 'CPU µs', 'Postgres', ''], widths);
  for (const [name, list] of results) {
    row([name, ...['rate', 'tenon', 'postgres'].flatMap((what) => [
      grouped(median(list.map(([small]) => small[what]))), grouped(median(list.map(([, large]) => large[what]))),
      median(list.map(([small, large]) => large[what] / small[what])).toFixed(2)])], widths);
  }
}

/* ---- plans ---- */

const short = (text) => text.replaceAll('"', '').replace(/^SELECT .*? FROM/, 'SELECT … FROM').slice(0, 100);

async function plans() {
  const limits = { growing: GROWING, rows: 600, sorted: 250 };
  const found = [];
  for (const place of places) {
    found.push(await explained(place.url, async () => {
      await askAll(place, 1, EACH / 2);
      await doAll(place);
    }));
  }
  const ofHeavy = await explained(places[1].url, () => askAll(places[1], 0, LARGE.executions / 20));
  console.log('\nevery statement for a user: pages of 8 kB touched, at most (small, large)');
  const before = mostPages(found[0]);
  for (const [text, pages] of mostPages(found[1])) row([short(text), before.get(text), pages], [102, 6, 6]);
  return [...faults(found[1], limits), ...faults(ofHeavy, limits)];
}

async function reconciling() {
  const large = places[1];
  giveLeaseBack(large);
  const statements = await explained(large.url, (seen) => reconcile(large, KEPT_DAYS, seen));
  console.log(`\na turn of the reconciler among ${grouped(large.executions)} executions, with EXECUTIONS_KEPT_DAYS=${KEPT_DAYS}: times, rows read, pages, ms (medians)`);
  for (const [text, list] of statements) {
    row([short(text), list.length, ...['rows', 'pages', 'ms'].map((what) => median(list.map((each) => each[what])))], [102, 4, 7, 7, 9]);
  }
  takeLease(large);
  return faults(statements, { growing: GROWING, rows: 2100, sorted: 600 });
}

printMeasured(await measure());
const wrong = [...await plans(), ...await reconciling()];
console.log(wrong.length === 0 ? '\nno statement reads or sorts more than its page or batch' : `\n${wrong.join('\n\n')}`);
await sandbox.stop();
process.exit(wrong.length === 0 ? 0 : 1);
