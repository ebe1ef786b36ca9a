/* What stands around many instances, from Debian's packages: PostgreSQL with a standby, PgBouncer, nginx; in private
 * directories, on free ports, as a user without rights (PostgreSQL and PgBouncer refuse to be root). Their settings are the
 * blocks of docs/many-instances.md, with this machine's addresses. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../clients/flow.mjs';
import { launch, tempDir } from '../harness.mjs';

const POSTGRES = '/usr/lib/postgresql';
const GUIDE = readFileSync(fileURLToPath(new URL('../../docs/many-instances.md', import.meta.url)), 'utf8');
const PASSWORD = 'of-the-tests';

const unprivileged = process.getuid() === 0 ? ['setpriv', '--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups', '--'] : [];
const newest = () => readdirSync(POSTGRES).sort((a, b) => b - a)[0];
const postgres = (name) => join(POSTGRES, newest(), 'bin', name);

/** The guide's block of that language that has `word` in it, with each `[text, other]` of `changes`, all of which must be there. */
export function guideBlock(language, word, changes) {
  const [text] = [...GUIDE.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map((found) => found[1]).filter((block) => block.includes(word));
  return changes.reduce((block, [from, to]) => {
    if (!block.includes(from)) throw new Error(`docs/many-instances.md does not say ${from}`);
    return block.replaceAll(from, to);
  }, text);
}

function ownDir() {
  const dir = tempDir();
  if (unprivileged.length > 0) execFileSync('chown', ['nobody:nogroup', dir]);
  return dir;
}

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/* Without a request, which would have nginx find the instances away before they have come. */
const listens = (port) => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1', () => {
    socket.destroy();
    resolve(true);
  }).on('error', () => resolve(false));
});

/** In a process group of its own, so that kill() ends a server with its children, as a machine's end does. */
function serve(command, cwd) {
  const [name, ...args] = [...unprivileged, ...command];
  const program = launch(name, args, cwd, {}, undefined, { detached: true });
  return {
    gone: () => program.child.exitCode !== null || program.child.signalCode !== null,
    ended: program.ended,
    log: () => program.output.stdout + program.output.stderr,
    kill: () => process.kill(-program.child.pid, 'SIGKILL'),
    signal: (name) => program.child.kill(name),
    stop: (name) => {
      program.child.kill(name);
      return program.ended;
    },
  };
}

async function untilReady(server, port) {
  await until('the server answers', () => {
    if (server.gone()) throw new Error(server.log());
    try {
      execFileSync(postgres('pg_isready'), ['--quiet', '--host', '127.0.0.1', '--port', String(port)]);
      return true;
    } catch {
      return false;
    }
  });
}

/* ---- PostgreSQL ---- */

function startPostgres(dir, port) {
  /* fsync: what is killed here are processes; the machine goes on. */
  const settings = ['fsync=off', 'full_page_writes=off', 'max_connections=100', 'shared_buffers=64MB', 'hot_standby=on'];
  return serve([postgres('postgres'), '-D', dir, '-h', '127.0.0.1', '-p', String(port), '-k', dir,
    ...settings.flatMap((setting) => ['-c', setting])], dir);
}

async function postgresAt(dir, port) {
  const server = startPostgres(dir, port);
  await untilReady(server, port);
  return { ...server, port, url: `postgresql://tenon@127.0.0.1:${port}/tenon`, stop: () => server.stop('SIGINT') };
}

const as = (command, options = {}) => execFileSync([...unprivileged, ...command][0], [...unprivileged, ...command].slice(1),
  { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });

/** Run SQL as the operator does. */
export const psql = (url, sql) => as(['psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', sql, url]).trim();

/** A server with an empty database `tenon`. */
export async function startPrimary() {
  const dir = join(ownDir(), 'data'), port = await freePort();
  as([postgres('initdb'), '--pgdata', dir, '--username', 'tenon', '--auth', 'trust', '--no-sync', '--encoding', 'UTF8',
    '--locale', 'C.UTF-8']);
  const server = await postgresAt(dir, port);
  psql(server.url.replace(/tenon$/, 'postgres'), 'CREATE DATABASE tenon');
  return server;
}

/** A standby that has everything that is acknowledged: the primary waits for it. */
export async function startStandby(primary, port) {
  const dir = join(ownDir(), 'data');
  as([postgres('pg_basebackup'), ...guideBlock('sh', 'pg_basebackup', [
    ['pg_basebackup ', ''], ['/var/lib/postgresql/15/main', dir], ['postgresql://replicator@10.0.0.21', primary.url.replace(/\/tenon$/, '')],
  ]).trim().split('\n')[0].split(/\s+/), '--no-sync']);
  const server = await postgresAt(dir, port);
  for (const statement of guideBlock('sql', 'synchronous_standby_names', []).trim().split('\n')) psql(primary.url, statement);
  await until('the standby is synchronous', () => psql(primary.url, 'SELECT sync_state FROM pg_stat_replication') === 'sync');
  return server;
}

/** Make a standby the primary. */
export const promote = (standby) => psql(standby.url, guideBlock('sql', 'pg_promote', []));

/* ---- PgBouncer ---- */

/** In transaction mode before `primary`; turn(server) points it to another. */
export async function startBouncer(primary) {
  const dir = ownDir(), port = await freePort(), file = join(dir, 'pgbouncer.ini');
  const point = (server) => writeFileSync(file, `${guideBlock('ini', '[databases]', [
    ['host=10.0.0.21 port=5432', `host=127.0.0.1 port=${server.port}`], ['10.0.0.31', '127.0.0.1'], ['= 6432', `= ${port}`],
    ['/etc/pgbouncer/userlist.txt', join(dir, 'userlist.txt')],
  ])}unix_socket_dir =\n`);
  writeFileSync(join(dir, 'userlist.txt'), `"tenon" "${PASSWORD}"\n`);
  point(primary);
  const server = serve(['/usr/sbin/pgbouncer', file], dir);
  await untilReady(server, port);
  return {
    ...server,
    url: `postgresql://tenon:${PASSWORD}@127.0.0.1:${port}/tenon?pgbouncer=true`,
    turn(to) {
      point(to);
      server.signal('SIGHUP'); // as `systemctl reload pgbouncer` does
    },
  };
}

/* ---- nginx ---- */

/** Before three instances, whose "host:port" are given. */
export async function startNginx(instances) {
  const dir = ownDir(), port = await freePort();
  const upstream = guideBlock('nginx', 'upstream tenon', instances.map((to, number) => [`10.0.0.${11 + number}:8787`, to]));
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join('\n');
  writeFileSync(join(dir, 'nginx.conf'), `daemon off; worker_processes 2; pid ${dir}/nginx.pid; error_log stderr;
events { worker_connections 4096; }
http {
${paths}
access_log off;
${upstream}
server {
listen 127.0.0.1:${port};
${guideBlock('nginx', 'location /', [])}
}
}
`);
  const server = serve(['nginx', '-e', 'stderr', '-p', dir, '-c', join(dir, 'nginx.conf')], dir);
  const url = `http://127.0.0.1:${port}`;
  await until('nginx listens', () => {
    if (server.gone()) throw new Error(server.log());
    return listens(port);
  });
  return { ...server, url };
}

export { freePort };
