/* Starts the program for tests: on free ports, in a directory of its own, with nothing of the caller's settings. What was
 * started ends with the test process at the latest. The program is $TENON, else build/tenon. With $TENON_TRACE_DIR every
 * sandbox leaves a trace there, which tests/openapi holds against Composio's document. */
import { spawn } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { databaseUrl, onPostgres } from './database.mjs';

const tenon = resolve(process.env.TENON ?? fileURLToPath(new URL('../build/tenon', import.meta.url)));
// The Composio SDK uses the global, which Node 18 (Debian 12) does not have.
globalThis.crypto ??= webcrypto;

const START_TIMEOUT_MS = 60_000; // under AddressSanitizer on a busy machine
const LOG_CHARS = 4_000_000;

const running = new Set();
const directories = new Set();
/** End what still runs; for after(), where a failed test leaves what would keep the process from ending. */
export function endAll() {
  for (const child of running) child.kill('SIGKILL');
}
process.on('exit', () => {
  endAll();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A new directory, removed when the process ends. */
export function tempDir() {
  const directory = mkdtempSync(join(tmpdir(), 'tenon-test-'));
  directories.add(directory);
  return directory;
}

let traces = 0;
/** Where a sandbox is to leave its trace (SANDBOX_TRACE). */
export const traceFile = () => join(resolve(process.env.TENON_TRACE_DIR ?? tempDir()), `${process.pid}-${++traces}.jsonl`);
const tracing = () => (process.env.TENON_TRACE_DIR ? { SANDBOX_TRACE: traceFile() } : {});

/** What the program is to see: enough to run, what steers the sanitizers, and what the test gives. */
function environment(env) {
  const kept = Object.entries(process.env).filter(([name]) => /^(PATH|HOME|LANG|TMPDIR|\w+SAN_OPTIONS)$/.test(name));
  const given = Object.entries(env).filter(([, value]) => value !== undefined);
  return Object.fromEntries([...kept, ...given]);
}

/** Start any program in a directory; it ends with this process at the latest. `options` are more of spawn()'s. The result: child,
 * output (stdout, stderr: the texts so far), ended (a promise of {code, signal, error}). */
export function launch(program, args, dir, env = {}, input = undefined, options = {}) {
  const child = spawn(program, args, { ...options, cwd: dir, env: environment(env), stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
  child.stdin?.end(input);
  const output = { stdout: '', stderr: '' };
  running.add(child);
  const ended = new Promise((resolveEnd) => {
    child.once('error', (error) => resolveEnd({ code: null, signal: null, error }));
    child.once('close', (code, signal) => resolveEnd({ code, signal }));
  }).finally(() => running.delete(child));
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8');
    child[name].on('data', (text) => { output[name] = (output[name] + text).slice(-LOG_CHARS); });
  }
  return { child, output, ended };
}

/** Run a verb to its end: `run('migrate', [], {dir, env})`; `input` is what somebody types, `started` is given its
 * ChildProcess. */
export async function run(verb, args = [], { dir = tempDir(), env = {}, input, started } = {}) {
  const program = launch(tenon, [verb, ...args], dir, env, input);
  started?.(program.child);
  return outcome(program);
}

async function outcome({ output, ended }) {
  const { code, signal, error } = await ended;
  if (error) throw error;
  return { code, signal, ...output };
}

/** Another program of the same build, as 'src/composio_call'; undefined when it was built without tests. */
export function companion(name) {
  const program = join(dirname(tenon), name);
  return existsSync(program) ? (args, env = {}) => outcome(launch(program, args, tempDir(), env)) : undefined;
}

/** Resolves when the program has printed `count` lines; rejects with what it said when it ended or took too long. */
function firstLines(count, { child, output, ended }) {
  return new Promise((resolveLines, reject) => {
    const fail = (why) => {
      clearTimeout(timer);
      reject(new Error(`${tenon} ${why}\n${output.stdout}${output.stderr}`));
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`was not up after ${START_TIMEOUT_MS} ms`);
    }, START_TIMEOUT_MS);
    child.stdout.on('data', () => {
      const lines = output.stdout.split('\n');
      if (lines.length > count) {
        clearTimeout(timer);
        resolveLines(lines.slice(0, count));
      }
    });
    ended.then(({ code, signal, error }) => fail(error ? `: ${error.message}` : `ended with ${signal ?? code}`));
  });
}

/** Start a verb that serves. The result:
 *
 *   url, sandboxUrl   where it is reached (sandboxUrl: dev only)
 *   dir               its working directory
 *   process           its ChildProcess
 *   ended             a promise of {code, signal}
 *   stop(signal)      end it, SIGTERM by default; resolves with {code, signal}
 *   log()             what it wrote to standard error so far: JSON lines */
async function start(verb, { dir, args = [], lines = 1 }, env) {
  const program = launch(tenon, [verb, ...args], dir, env);
  const [url, sandbox] = await firstLines(lines, program);
  return {
    url,
    sandboxUrl: sandbox?.replace(/^sandbox /, ''),
    dir,
    process: program.child,
    ended: program.ended,
    stop(signal = 'SIGTERM') {
      program.child.kill(signal);
      return program.ended;
    },
    log: () => program.output.stderr,
  };
}

/** `tenon dev`. The same `dir` again goes on with the same data. */
export const startDev = ({ dir = tempDir(), env = {} } = {}) =>
  start('dev', { dir, lines: 2 }, { LISTEN: '127.0.0.1:0', SANDBOX_LISTEN: '127.0.0.1:0', ...tracing(),
    ...(onPostgres ? { DATABASE_URL: databaseUrl(dir) } : {}), ...env });

/** `tenon sandbox`, forgetting everything at its end unless `args` has --database. */
export const startSandbox = ({ dir = tempDir(), env = {}, args = [] } = {}) =>
  start('sandbox', { dir, args }, { SANDBOX_LISTEN: '127.0.0.1:0', ...tracing(), ...env });

/** `tenon serve`; `env` says what it needs (DATABASE_URL, JWT_SECRET, …). `migrate` and `setup` come before it. */
export const startServe = ({ dir = tempDir(), env = {}, args = [] } = {}) =>
  start('serve', { dir, args }, { LISTEN: '127.0.0.1:0', ...env });

/** "host:port" of an URL, to start a program anew where it was. */
export const address = (url) => new URL(url).host;
