/* What the server costs, beside a fixed text (/healthz) from the same HTTP server in the same run: requests a second and
 * CPU time a request, memory, time to the first answer; on SQLite, and on PostgreSQL (scripts/with-postgres, on the same
 * disk and with its writes waited for). The server has one core and one loop, everything else the other; for its own rows the
 * sandbox has the first one, as it must be faster than what is measured with it. Figures of a shared machine drift; the ratios,
 * taken in turn and shown as medians, drift less. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { join } from 'node:path';
import { databaseUrl } from '../tests/database.mjs';
import { run, startSandbox, startServe, tempDir } from '../tests/harness.mjs';
import { client, connect, PROVIDERS, SECRET, token } from '../tests/clients/flow.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS ?? 2);
const IDLE = 1000;
const USER = 'bench';

const dir = tempDir();
const onCore = (pid, core) => execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' });
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** CPU seconds of a process, all threads. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** Kilobytes: resident, and of it what is the process's own and no file's. */
function memory(pid) {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name) => Number(text.match(new RegExp(`${name}:\\s+(\\d+)`))[1]);
  return { resident: of('VmRSS'), own: of('RssAnon') };
}

const authorization = `wrk.headers["authorization"] = "Bearer ${token(USER)}"\n`;
const key = 'wrk.headers["x-api-key"] = "ak_bench"\n';
const SANDBOX_ACCOUNT = 'sandbox: account', SANDBOX_LIST = 'sandbox: accounts';
const SANDBOXES = [SANDBOX_ACCOUNT, SANDBOX_LIST]; // reads of the sandbox itself
const SCRIPTS = {
  'fixed text': ['/healthz', '', 16],
  list: ['/trpc/integrations.list', authorization, 16],
  'list (superjson)': ['/api/trpc/integrations.list', authorization, 16],
  [SANDBOX_ACCOUNT]: ['/api/v3.1/connected_accounts/ID', key, 16],
  [SANDBOX_LIST]: [`/api/v3.1/connected_accounts?user_ids=${USER}&auth_config_ids=ac_sandbox_github&limit=50`, key, 16],
  executeTool: ['/trpc/integrations.executeTool', `${authorization}wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"provider":"github","toolName":"GITHUB_GET_THE_AUTHENTICATED_USER","parameters":{}}'\n`, 64],
};
for (const [name, [, script]] of Object.entries(SCRIPTS)) writeFileSync(join(dir, `${name}.lua`), script);

function load(program, name) {
  const [path, , connections] = SCRIPTS[name];
  const before = cpu(program.process.pid);
  const out = execFileSync('taskset', ['-c', '1', 'wrk', '-t1', `-c${connections}`, `-d${SECONDS}`, '-s', join(dir, `${name}.lua`),
    program.url + path.replace('ID', accountId)], { encoding: 'utf8' });
  const spent = cpu(program.process.pid) - before;
  const requests = Number(out.match(/(\d+) requests in/)[1]);
  if (/Non-2xx/.test(out)) throw new Error(`${name}: ${out}`);
  return { rate: Number(out.match(/Requests\/sec:\s+([\d.]+)/)[1]), micros: (spent / requests) * 1e6 };
}

/* One after the other: what requests at the same time need besides (stacks, buffers) is pooled, and no connection's. */
async function idle(server, request, answered) {
  const { port } = new URL(server.url);
  const sockets = [];
  for (let i = 0; i < IDLE; i++) {
    sockets.push(await new Promise((resolve) => {
      let text = '';
      const socket = dial(port, '127.0.0.1', () => socket.write(request(i)));
      socket.on('data', (data) => {
        text += data;
        if (answered(text)) resolve(socket);
      });
    }));
  }
  return sockets;
}
const REQUEST = () => 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
/* A user of its own each, who is told of every integration. */
const STREAM = (i) => `GET /trpc/integrations.events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token(`idle ${i}`)}\r\n\r\n`;

async function firstAnswer(env) {
  const start = process.hrtime.bigint();
  const server = await startServe({ dir, env });
  await (await fetch(`${server.url}/healthz`)).text();
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  await server.stop();
  return ms;
}

const sandbox = await startSandbox();
onCore(sandbox.process.pid, 1);
const env = {
  COMPOSIO_API_KEY: 'ak_bench', COMPOSIO_BASE_URL: sandbox.url, JWT_SECRET: SECRET,
  TENON_THREADS: '1', LOG_LEVEL: 'warn', COMPOSIO_AUTH_CONFIG_GMAIL: 'ac_sandbox_gmail',
  COMPOSIO_AUTH_CONFIG_CALENDAR: 'ac_sandbox_googlecalendar', COMPOSIO_AUTH_CONFIG_SLACK: 'ac_sandbox_slack',
  COMPOSIO_AUTH_CONFIG_NOTION: 'ac_sandbox_notion', COMPOSIO_AUTH_CONFIG_GITHUB: 'ac_sandbox_github',
};
/** A server on a database that is set up, with a user with five connections. */
async function served(database) {
  const place = { dir, env: { ...env, DATABASE_URL: database } };
  for (const verb of ['migrate', 'setup']) {
    const { code, stderr } = await run(verb, [], place);
    if (code !== 0) throw new Error(stderr);
  }
  const server = await startServe(place);
  onCore(server.process.pid, 0);
  return server;
}

const connectAll = async (server) => {
  for (const provider of PROVIDERS) await connect(client(server.url, token(USER)), provider);
};

/** These kinds of requests in turn, ROUNDS times. */
function measure(server, names) {
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of names) {
      const own = SANDBOXES.includes(name);
      if (own) onCore(sandbox.process.pid, 0);
      results[name].push(load(own ? sandbox : server, name));
      if (own) onCore(sandbox.process.pid, 1);
    }
  }
  return results;
}

function print(title, results) {
  const fixed = results['fixed text'];
  console.log(`\n${title.padEnd(18)}   requests/s   CPU µs/request   × the fixed text (CPU)`);
  for (const [name, list] of Object.entries(results)) {
    const ratio = median(list.map(({ micros }, round) => micros / fixed[round].micros));
    console.log(`${name.padEnd(18)} ${median(list.map(({ rate }) => rate)).toFixed(0).padStart(12)} ` +
      `${median(list.map(({ micros }) => micros)).toFixed(1).padStart(16)} ${ratio.toFixed(2).padStart(12)}`);
  }
}

/* ---- SQLite ---- */

const server = await served('file:./bench.db');
const starts = [];
for (let i = 0; i < 10; i++) starts.push(await firstAnswer({ ...env, DATABASE_URL: 'file:./bench.db' }));

const empty = memory(server.process.pid);
const sockets = await idle(server, REQUEST, (text) => text.length > 0);
const withIdle = memory(server.process.pid);
for (const socket of sockets) socket.destroy();
const second = await startServe({ dir, env: { ...env, DATABASE_URL: 'file:./bench.db' } });
await idle(second, STREAM, (text) => text.split('\nid: ').length > PROVIDERS.length); // what the first needs for all
const withFirst = memory(second.process.pid);
const streams = await idle(second, (i) => STREAM(IDLE + i), (text) => text.split('\nid: ').length > PROVIDERS.length);
const withStreams = memory(second.process.pid);
for (const socket of streams) socket.destroy();
await second.stop();
await connectAll(server);
const accounts = await (await fetch(sandbox.url + SCRIPTS[SANDBOX_LIST][0], { headers: { 'x-api-key': 'ak_bench' } })).json();
const accountId = accounts.items[0].id;
const onSqlite = measure(server, Object.keys(SCRIPTS));
await server.stop();

/* ---- PostgreSQL ---- */

const other = await served(databaseUrl(dir));
await connectAll(other);
const onPostgreSql = measure(other, Object.keys(SCRIPTS).filter((name) => !SANDBOXES.includes(name)));
await other.stop();

console.log(`one loop on one core; ${ROUNDS} rounds of ${SECONDS} s, medians; a user with five connections`);
print('SQLite', onSqlite);
print('PostgreSQL', onPostgreSql);
console.log(`\nidle after start            ${(empty.resident / 1024).toFixed(1)} MB resident (${(empty.own / 1024).toFixed(1)} MB its own)`);
console.log(`${IDLE} idle connections       ${((withIdle.own - empty.own) * 1024 / IDLE).toFixed(0)} bytes each`);
console.log(`${IDLE} streams of events      ${((withStreams.own - withFirst.own) * 1024 / IDLE).toFixed(0)} bytes each`);
console.log(`start to first answer       ${median(starts).toFixed(1)} ms (${Math.min(...starts).toFixed(1)} to ${Math.max(...starts).toFixed(1)})`);
await sandbox.stop();
process.exit(0);
