/* The database of a test, and a look into it beside the program: SQLite in the test's directory or, where
 * TENON_TEST_POSTGRES is set, a fresh database of that PostgreSQL server (scripts/with-postgres). */
import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

const server = process.env.TENON_TEST_POSTGRES;
export const onPostgres = server !== undefined;

const urls = new Map();
const psql = (url, ...args) => ['psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...args, url]];
const sqlite = (url, ...args) => ['sqlite3', ['-json', '-cmd', '.timeout 10000', url.replace(/^file:/, ''), ...args]];

/** DATABASE_URL of the database that belongs to a directory; `file` is its place there, with SQLite. */
export function databaseUrl(dir, file = 'tenon.db') {
  if (!onPostgres) return `file:${join(dir, file)}`;
  if (!urls.has(dir)) {
    const name = `test-${randomUUID()}`;
    execFileSync(...psql(server, '-c', `CREATE DATABASE "${name}"`), { stdio: ['ignore', 'ignore', 'inherit'] });
    urls.set(dir, server.replace(/[^/]*$/, name));
  }
  return urls.get(dir);
}

/* PostgreSQL's values as SQLite has them: JSON and arrays as text, 0 and 1, times as we write them. */
function alike(value) {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$/.test(value)) return new Date(`${value}Z`).toISOString();
  return value;
}
const parse = (text) => (text.trim() === '' ? [] : JSON.parse(text))
  .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, alike(value)])));
const asJson = (sql) => (/^\s*(SELECT|WITH)/i.test(sql) ? `SELECT COALESCE(json_agg(r), '[]') FROM (${sql}) r` : sql);

/** How SQL writes a list of names (a column of type text[]), without the quotes around it. */
export const listLiteral = (names) => (onPostgres ? `{${names.map((name) => `"${name}"`)}}` : JSON.stringify(names));

const isSqlite = (url) => !/^postgres(ql)?:/.test(url);

/** Run one statement; rows as objects. `url` may be the path of a SQLite file, too. */
export function query(url, sql) {
  const command = isSqlite(url) ? sqlite(url, sql) : psql(url, '-c', asJson(sql));
  return parse(execFileSync(...command, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }));
}

/** One process that runs statements in order: cheaper for many. */
export class Database {
  #waiting = [];
  #text = '';
  #sqlite;
  constructor(url) {
    this.#sqlite = isSqlite(url);
    this.process = spawn(...(this.#sqlite ? sqlite(url) : psql(url)), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.stdout.setEncoding('utf8');
    this.process.stdout.on('data', (text) => {
      this.#text += text;
      for (let end; (end = this.#text.indexOf('-- end\n')) >= 0; this.#text = this.#text.slice(end + 7)) {
        this.#waiting.shift()(parse(this.#text.slice(0, end)));
      }
    });
  }

  query(sql) {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.process.stdin.write(this.#sqlite ? `${sql};\n.print -- end\n` : `${asJson(sql)};\n\\echo -- end\n`);
    });
  }

  close() {
    this.process.stdin.end();
  }
}
