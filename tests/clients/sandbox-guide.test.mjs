/* docs/sandbox.md, done as it says: its seed is brought, its commands and its program are run. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startSandbox, tempDir } from '../harness.mjs';

const ADDRESS = 'http://127.0.0.1:8788';
const APP = 'http://127.0.0.1:3000'; // the reader's own
const guide = readFileSync(new URL('../../docs/sandbox.md', import.meta.url), 'utf8');
const blocks = (language) => [...guide.matchAll(new RegExp('^```' + language + '\\n([^]*?)^```$', 'gm'))].map(([, text]) => text);

async function guided(t) {
  const dir = tempDir();
  writeFileSync(join(dir, 'seed.json'), blocks('json')[0]);
  const sandbox = await startSandbox({ dir, args: ['--seed', 'seed.json'] });
  t.after(() => sandbox.stop());
  return { dir, here: (text) => text.replaceAll(ADDRESS, sandbox.url) };
}

test('every command of the guide succeeds', async (t) => {
  const { dir, here } = await guided(t);
  const hooked = [];
  const app = createServer((request, reply) => {
    hooked.push([request.url, request.headers['webhook-signature']]);
    request.resume().on('end', () => reply.end());
  });
  await new Promise((listening) => { app.listen(0, '127.0.0.1', listening); });
  t.after(() => app.close());
  const commands = blocks('sh');
  assert.ok(commands.length >= 5);
  const said = [];
  for (const command of commands) {
    said.push((await promisify(execFile)('bash', ['-ec', here(command).replaceAll(APP, `http://127.0.0.1:${app.address().port}`)], { cwd: dir, env: { ...process.env, NO_PROXY: '*' } })).stdout);
  }
  assert.match(said.join('\n'), /status=success&connected_account_id=ca_/);
  assert.match(said.join('\n'), /"mcp":\{[^}]*"url":/);
  assert.deepEqual(hooked.map(([path, signature]) => [path, /^v1,/.test(signature)]), [['/webhook', true]]);
});

test('the TypeScript of the guide finds the seeded mail', async (t) => {
  const { here } = await guided(t);
  const [source] = blocks('ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e',
    `import { webcrypto } from 'node:crypto';\nglobalThis.crypto ??= webcrypto;\n${here(source)}`],
  { cwd: fileURLToPath(new URL('.', import.meta.url)) });
  assert.equal(stdout, 'Invoice 7\n');
});
