/* `tenon import`: what an older layer left, in three shapes, ten thousand rows; every row's fate is told, and nothing happens
 * twice. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run, startSandbox, startServe, tempDir } from '../harness.mjs';
import { client, connect, installation, rows, token, until } from './flow.mjs';

const ACCOUNTS = 1500;
const dir = tempDir();
const sql = (file, text) => execFileSync('sqlite3', ['-cmd', '.timeout 5000', file], { input: text });
const uuids = new Map(); // by account
let sandbox;

/* ca_1 … of the users user-1 …, ACTIVE; every hundredth EXPIRED. Their UUIDs, by which they were once named, are made by the
 * sandbox. */
before(async () => {
  writeFileSync(join(dir, 'seed.json'), JSON.stringify({ accounts: Array.from({ length: ACCOUNTS }, (_, i) => ({
    id: `ca_${i + 1}`, auth_config_id: 'ac_sandbox_gmail', user_id: `user-${i + 1}`, status: (i + 1) % 100 === 0 ? 'EXPIRED' : 'ACTIVE',
    email: `user-${i + 1}@example.com` })) }));
  sandbox = await startSandbox({ dir, args: ['--database', 'sandbox.db', '--seed', 'seed.json'] });
  for (const { id, uuid } of rows(dir, 'SELECT id, uuid FROM account', join(dir, 'sandbox.db'))) uuids.set(id, uuid);
});
after(() => sandbox.stop());

async function place() {
  const made = await installation(sandbox.url);
  assert.equal((await run('setup', [], made)).code, 0);
  return made;
}
const uuid = (i) => uuids.get(`ca_${i}`);
const connections = ({ dir, database }) => rows(dir, 'SELECT * FROM "UserConnection" ORDER BY "id"', database);

/** What was printed: outcomes by number, and the lines of rows. */
function read({ code, stdout, stderr }) {
  assert.equal(code, 0, stderr);
  const lines = stdout.split('\n');
  const sums = lines.find((line) => /^\d+ rows/.test(line));
  const of = (name) => Number(sums.match(new RegExp(`${name} (\\d+)`))?.[1] ?? 0);
  return { sums, of, rows: lines.slice(1, lines.indexOf('')) };
}

/* The old layer's table: 1,000 rows with UUIDs, 4,000 of two vendors, 5,000 that are the first 1,000 five times more. */
function oldTable() {
  const list = [];
  for (let i = 1; i <= 1000; i++) list.push([`user-${i}`, 'GMAIL', uuid(i), null]);
  for (let i = 1001; i <= 5000; i++) list.push([`user-${i}`, 'gmail', `ca_${i}`, i <= ACCOUNTS ? 'composio' : 'pipedream']);
  for (let i = 0; i < 5000; i++) list.push([`user-${i % 1000 + 1}`, 'gmail', `ca_${i % 1000 + 1}`, null]);
  return list;
}

test('ten thousand rows of three shapes from a SQLite table: a dry run, the import, the same again', async () => {
  const made = await place();
  const old = join(made.dir, 'old.db');
  const quoted = (value) => (value === null ? 'NULL' : `'${value}'`);
  sql(old, `CREATE TABLE connections (user_id TEXT, app TEXT, account TEXT, vendor TEXT);
    INSERT INTO connections VALUES ${oldTable().map((row) => `(${row.map(quoted).join(',')})`).join(',\n')};`);
  const from = ['--from', 'file:./old.db', '--table', 'connections', '--map', 'user=user_id,provider=app,account=account,vendor=vendor'];

  const dry = read(await run('import', from, made));
  assert.equal(dry.rows.length, 10_000);
  assert.equal(connections(made).length, 0, 'a dry run writes nothing');
  const taken = ACCOUNTS - ACCOUNTS / 100; // every hundredth is EXPIRED
  assert.equal(dry.of('take over'), taken, dry.sums);
  assert.equal(dry.of('duplicate'), 5 * 990, dry.sums);
  assert.equal(dry.of('must reconnect'), 3500 + 6 * 10 + 5, dry.sums);
  assert.equal(dry.rows.filter((line) => /^must reconnect .*another vendor's/.test(line)).length, 3500);

  const applied = read(await run('import', [...from, '--apply'], made));
  assert.equal(applied.of('taken over'), taken, applied.sums);
  const first = connections(made);
  assert.equal(first.length, taken);
  assert.ok(first.every((row) => row.status === 'ACTIVE' && row.userId === row.composioEntityId &&
    row.composioAccountId === row.userId.replace('user-', 'ca_')));

  const again = read(await run('import', [...from, '--apply'], made));
  assert.deepEqual([again.of('taken over'), again.of('there already')], [0, taken], again.sums);
  assert.deepEqual(connections(made), first, 'again: nothing changes');

  const server = await startServe(made);
  const result = await client(server.url, token('user-7')).integrations.executeTool.mutate({ provider: 'gmail', toolName: 'GMAIL_GET_PROFILE', parameters: {} });
  assert.equal(result.status, 'SUCCESS');
  await server.stop();
});

test('an import that was killed goes on where it was', async () => {
  const made = await place();
  writeFileSync(join(made.dir, 'old.jsonl'), Array.from({ length: 1000 }, (_, i) =>
    JSON.stringify({ userId: `user-${i + 1}`, provider: 'gmail', composioAccountId: `ca_${i + 1}` })).join('\n'));
  const args = ['--from', 'old.jsonl', '--apply'];
  let child;
  const killed = run('import', args, { ...made, started: (process) => { child = process; } });
  await until('some rows are written', () => connections(made).length > 10);
  child.kill('SIGKILL');
  await killed;
  const first = connections(made);
  const rest = read(await run('import', args, made));
  assert.equal(rest.of('taken over') + rest.of('there already'), 990, rest.sums);
  assert.equal(rest.of('there already'), first.length, rest.sums);
  const kept = new Map(connections(made).map((row) => [row.id, row]));
  for (const row of first) assert.deepEqual(kept.get(row.id), row);
});

test('CSV and JSON lines; each reason that keeps a row out', async () => {
  const made = await place();
  const server = await startServe(made);
  await connect(client(server.url, token('user-8')), 'gmail'); // by Tenon itself, adopting ca_8
  await connect(client(server.url, token('own')), 'gmail');
  await server.stop();
  const cases = [
    ['user-1', 'gmail', 'ca_1', 'take over', ''],
    ['user-8', 'gmail', 'ca_8', 'there already', ''],
    ['user-2', 'gmail', 'ca_3', 'must reconnect', "another user's"],
    ['user-4', 'gmail', 'ca_none', 'must reconnect', 'no such account'],
    ['user-5', 'gmail', '00000000-0000-4000-8000-000000000000', 'must reconnect', 'no such account'],
    ['user-100', 'gmail', 'ca_100', 'must reconnect', 'not ACTIVE'],
    ['user-6', 'googlecalendar', 'ca_6', 'must reconnect', 'another auth config'],
    ['user-7', 'gmail', 'apn_pipedream', 'must reconnect', 'no account id'],
    ['user-9', 'dropbox', 'ca_9', 'no connection', 'no such integration'],
    ['a,b', 'gmail', 'ca_9', 'no connection', 'no user id'],
    ['', 'gmail', 'ca_9', 'no connection', 'no user id'],
    ['own', 'gmail', 'ca_10', 'must reconnect', "another user's"],
    ['user-11', 'mail', 'ca_11', 'take over', ''],
    ['say "hi"\nuser', 'gmail', 'ca_12', 'no connection', 'no user id'],
  ];
  const csv = `id,user,app,account\r\n${cases.map(([user, app, account], i) => `${i},"${user.replaceAll('"', '""')}",${app},${account}`).join('\r\n')}\r\n`;
  writeFileSync(join(made.dir, 'old.csv'), `\uFEFF${csv}`);
  writeFileSync(join(made.dir, 'old.jsonl'), cases.map(([user, app, account]) => JSON.stringify({ user, app, account })).join('\n'));
  for (const file of ['old.csv', 'old.jsonl']) {
    const found = read(await run('import', ['--from', file, '--map', 'user=user,provider=app,account=account', '--rename', 'mail=gmail'], made));
    const lines = found.rows.filter((line) => !/^user /.test(line));
    assert.equal(lines.length, cases.length);
    cases.forEach(([, , , outcome, why], i) => assert.ok(lines[i].startsWith(outcome) && lines[i].includes(why), lines[i]));
  }
});

test("an id at Composio that several users share is nobody's; one of a user's own is his", async () => {
  const made = await place();
  writeFileSync(join(made.dir, 'old.jsonl'), [
    { userId: 'ann', provider: 'gmail', composioAccountId: 'ca_20', entity: 'user-20' },
    { userId: 'bob', provider: 'gmail', composioAccountId: 'ca_21', entity: 'user-21' },
    { userId: 'eve', provider: 'gmail', composioAccountId: 'ca_21', entity: 'user-21' },
  ].map((row) => JSON.stringify(row)).join('\n'));
  const found = read(await run('import', ['--from', 'old.jsonl', '--map', 'entity=entity', '--apply'], made));
  assert.deepEqual([found.of('taken over'), found.of('must reconnect')], [1, 2], found.sums);
  const [row] = connections(made);
  assert.deepEqual([row.userId, row.composioEntityId, row.composioAccountId], ['ann', 'user-20', 'ca_20']);
  const server = await startServe(made);
  const result = await client(server.url, token('ann')).integrations.executeTool.mutate({ provider: 'gmail', toolName: 'GMAIL_GET_PROFILE', parameters: {} });
  assert.equal(result.status, 'SUCCESS');
  await server.stop();
});

test('old tables go only when every row is decided and their names were typed', async () => {
  const made = await place();
  const old = join(made.dir, 'old.db');
  sql(old, `CREATE TABLE "Old Connections" ("userId" TEXT, provider TEXT, "composioAccountId" TEXT);
    CREATE TABLE other (a); INSERT INTO "Old Connections" VALUES ('user-30', 'gmail', 'ca_30');`);
  const tables = () => rows(made.dir, "SELECT name FROM sqlite_schema WHERE type = 'table'", old).map(({ name }) => name);
  const from = ['--from', 'file:./old.db', '--table', 'Old Connections'];
  assert.equal((await run('import', [...from, '--drop-old', 'other'], made)).code, 2, 'needs --apply');
  assert.match((await run('import', [...from, '--apply', '--drop-old', 'UserConnection'], made)).stderr, /Tenon's own/);
  assert.match((await run('import', [...from, '--apply', '--drop-old', 'Old Connections'], made)).stdout, /the old tables stay/);
  assert.deepEqual(tables(), ['Old Connections', 'other']);
  const typed = await run('import', [...from, '--apply', '--drop-old', 'Old Connections'], { ...made, input: 'Old Connections\n' });
  assert.match(typed.stdout, /dropped Old Connections/);
  assert.deepEqual(tables(), ['other']);
  assert.equal(connections(made).length, 1);
});

test('what is wrong with the source is said', async () => {
  const made = await place();
  writeFileSync(join(made.dir, 'bad.jsonl'), '{"userId":"a"}\n[1]\n');
  writeFileSync(join(made.dir, 'bad.csv'), 'userId,provider,composioAccountId\n"never ends');
  writeFileSync(join(made.dir, 'columns.csv'), 'a,b\n1,2\n');
  sql(join(made.dir, 'old.db'), 'CREATE TABLE t (a);');
  for (const [args, code, expected] of [
    [[], 2, /needs --from/],
    [['--from', 'nothing.csv'], 1, /nothing.csv cannot be read/],
    [['--from', 'x.txt'], 1, /no database URL/],
    [['--from', 'bad.jsonl'], 1, /line 2 is not a JSON object/],
    [['--from', 'bad.csv'], 1, /line 2: a quoted field does not end/],
    [['--from', 'columns.csv'], 1, /no column "userId"/],
    [['--from', 'file:./none.db', '--table', 't'], 1, /no file/],
    [['--from', 'file:./old.db'], 1, /--query/],
    [['--from', 'file:./old.db', '--table', 't'], 1, /no such column/],
    [['--from', 'x.csv', '--map', 'nonsense'], 2, /--map/],
    [['--from', 'x.csv', '--rename', 'nonsense'], 2, /--rename/],
  ]) {
    const result = await run('import', args, made);
    assert.deepEqual([result.code, expected.test(result.stderr)], [code, true], `${args}: ${result.stderr}`);
  }
});
