/* Values of every form all the way: what the client sent, what Composio received, what the client is given back and what the
 * record holds are the same, digit for digit and code point for code point. Byte by byte on raw HTTP, since JavaScript's own
 * JSON loses some. The sandbox's tool gives back its arguments. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { onPostgres } from '../database.mjs';
import { client, connect, control, rows, startTenon, token } from './flow.mjs';

const MIB = 1024 * 1024;
const USER = 'faithful';
const TOOL = 'GITHUB_GET_THE_AUTHENTICATED_USER';
let tenon;
before(async () => {
  tenon = await startTenon({ env: { MAX_BODY_BYTES: `${32 * MIB}`, LOG_LEVEL: 'warn' } });
  await connect(client(tenon.url, token(USER)), 'github');
  await control(tenon.sandboxUrl, 'POST', 'faults', [{ match: { path: '/tools/execute/' }, fault: { echo: true } }]);
});
after(() => tenon.stop());

/** Execute with that text as parameters; the answer's text and what it says of the execution. */
async function execute(mount, parameters) {
  const input = `{"provider":"github","toolName":"${TOOL}","parameters":${parameters}}`;
  const reply = await fetch(`${tenon.url}${mount}/integrations.executeTool`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token(USER)}`, 'content-type': 'application/json' },
    body: mount === '/trpc' ? input : `{"json":${input}}`,
  });
  const text = await reply.text();
  const found = text.match(/"executionId":"([^"]+)","status":"(\w+)","response":([^]*),"error":null,"duration":\d+\}/);
  return { status: reply.status, text, id: found?.[1], outcome: found?.[2], response: found?.[3] };
}

/** A JSON text with nothing lost: numbers as they are written, names in the order of the alphabet (jsonb has one of its own);
 * in a record (`escaped`) the escapes of src/core/recording.h undone. */
function canonical(text, escaped = false) {
  let at = 0;
  function next() {
    while (' ,:\n'.includes(text[at])) at++;
    const start = at;
    if ('{}[]'.includes(text[at])) return text[at++];
    if (text[at] === '"') {
      do {
        at = text.indexOf('"', at + 1);
      } while (/(?:^|[^\\])(?:\\\\)*\\$/.test(text.slice(Math.max(start, at - 40), at)));
      at++;
    } else {
      while (at < text.length && !' ,:}]\n'.includes(text[at])) at++;
    }
    return text.slice(start, at);
  }
  function value(token) {
    if (token[0] === '"') return JSON.stringify(JSON.parse(token));
    if (token === '[') {
      const items = [];
      for (let item; (item = next()) !== ']';) items.push(value(item));
      return `[${items}]`;
    }
    if (token !== '{') return token;
    const members = [];
    for (let name; (name = next()) !== '}';) members.push([JSON.stringify(JSON.parse(name)), value(next())]);
    if (escaped && members.length === 1 && members[0][0] === '"$json"') return canonical(JSON.parse(members[0][1]));
    members.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
    return `{${members.map((member) => member.join(':'))}}`;
  }
  return value(next());
}

/** The columns of the record, as text. */
function recorded(id) {
  const hex = (column) => (onPostgres ? `encode(convert_to("${column}"::text, 'UTF8'), 'hex')` : `hex("${column}")`);
  const [row] = rows(tenon.dir, `SELECT ${hex('parameters')} AS sent, ${hex('response')} AS got FROM "ToolExecution" WHERE "id" = '${id}'`);
  return [row.sent, row.got].map((text) => Buffer.from(text, 'hex').toString('utf8'));
}

/** The body of the last request that the sandbox received, up to the arguments, and the digest of all of it. */
async function received() {
  const { items } = await (await control(tenon.sandboxUrl, 'GET', 'requests')).json();
  const { body, body_sha256: digest } = items.at(-1);
  return { head: body.slice(0, body.indexOf('"arguments":') + 12), digest };
}
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/* Each in the form in which Tenon writes it: other escapes of the same code points are read, too. `plain`: PostgreSQL's jsonb
 * keeps it as it is. */
const plain = true;
const VALUES = [
  ['an integer of 20 digits', '12345678901234567890', plain],
  ['beyond every integer', `-${'9'.repeat(60)}`, plain],
  ['zeros behind the point', '[1.10,0.0,100,0.100000000000000000001]', plain],
  ['exponents', '[1e400,1E400,-1.5e-400,1e+2,1e2,0e0]'],
  ['negative zero', '[-0,-0.0]'],
  ['a number of 2,000 digits', '7'.repeat(2000)],
  ['sixty arrays in one another', '['.repeat(60) + ']'.repeat(60), plain],
  ['fifty objects in one another', '{"a":'.repeat(50) + '1e1' + '}'.repeat(50)],
  ['names twice', '{"a":1,"b":{"c":1,"c":2},"a":[{"d":1e1,"d":2}]}'],
  ['the order of names', '{"zebra":1,"ant":2,"bee":{"z":1,"a":2}}', plain],
  ['an empty name, empty things', '{"":{},"a":[],"b":"","c":null,"d":false}', plain],
  ['names that JavaScript knows', '{"__proto__":{"x":1},"constructor":1,"toString":2}', plain],
  ['what looks like an escape of the record', '{"$json":"1e2"}'],
  ['U+0000', '["a\\u0000b","\\u0000"]'],
  ['U+0000 in a name', '{"a\\u0000":{"\\u0000":1}}'],
  ['lone surrogates', '["\\ud800","x\\udfff","\\udc00\\ud800","\\ud83d😀"]'],
  ['a lone surrogate in a name', '{"\\udead":1}'],
  ['control characters', `"${Array.from({ length: 31 }, (_, i) => ({ 8: '\\b', 9: '\\t', 10: '\\n', 12: '\\f', 13: '\\r' }[i + 1]
    ?? `\\u00${(i + 1).toString(16).padStart(2, '0')}`)).join('')}\u007f\u0080\u009f"`, plain],
  ['quotes, backslashes, slashes', '"\\"\\\\/\\\\u0000"', plain],
  ['noncharacters, the last code point', '"\uFFFE\uFFFF\uFDD0\u{1FFFE}\u{10FFFF}"', plain],
  ['separators, marks, blanks', '"\u2028\u2029\u0085\uFEFF\u202E\u200B\u200D\u00A0\u3000"', plain],
  ['composed and not', '"\u00E9e\u0301\u1E9B\u0323\uAC00\u1100\u1161\uFB01"', plain],
  ['beyond the first plane', '"😀𝒳👩‍👩‍👧‍👦🏳️‍🌈\u{20000}\u{E0041}\u{F0000}"', plain],
  ['case that changes lengths', '"ßİıſK"', plain],
  ['a text of 1 MiB', `"${'0123456789abcdeé'.repeat(MIB / 17)}"`, plain],
  ['a text of 1 MiB of what JSON escapes', `"${'\\u0001\\"'.repeat(MIB / 8)}"`, plain],
  ['50,000 names', `{${Array.from({ length: 50_000 }, (_, i) => `"n${i}":${i}`).join()}}`, plain],
];

for (const mount of ['/trpc', '/api/trpc']) {
  for (const [name, value, isPlain] of VALUES) {
    test(`${name}, at ${mount}`, async () => {
      const parameters = `{"value":${value}}`;
      const { text, id, outcome, response } = await execute(mount, parameters);
      assert.equal(outcome, 'SUCCESS', text.slice(0, 500));
      assert.ok(response === parameters, `given back: ${response.slice(0, 500)}`);
      const { head, digest } = await received();
      assert.ok(digest === sha256(`${head}${parameters}}`), 'what Composio received');
      const columns = recorded(id);
      assert.ok(canonical(columns[0], true) === canonical(parameters), `recorded: ${columns[0].slice(0, 500)}`);
      assert.equal(columns[0], columns[1]);
      assert.equal(!columns[0].includes('"$json"'), isPlain === true, 'escaped in the record');
      if (!onPostgres) assert.equal(columns[0] === parameters, isPlain === true);
      assert.doesNotMatch(columns[0].replaceAll('\\\\', ''), /\\u0000|\\ud[89a-f]/, 'what PostgreSQL could not hold');
    });
  }
}

test('other escapes of the same code points are the same value', async () => {
  const { response } = await execute('/trpc', '{ "\\u0061" : "\\u00e9\\/\\ud83d\\ude00\\u0022\\u000a" , "b":[ ] }');
  assert.equal(response, '{"a":"é/😀\\"\\n","b":[]}');
});

test('the first outcome of a key is given back with every digit', async () => {
  const value = '{"n":1e400,"s":"\\u0000\\ud800","d":{"a":1,"a":2},"f":1.10}';
  const ask = async () => (await (await fetch(`${tenon.url}/trpc/integrations.executeTool`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token(USER)}`, 'content-type': 'application/json' },
    body: `{"provider":"github","toolName":"${TOOL}","parameters":${value},"idempotencyKey":"k"}`,
  })).text());
  const first = await ask();
  assert.ok(first.includes(`"response":${value}`), first);
  assert.equal(canonical(await ask()), canonical(first));
});

/* ---- sizes ---- */

/** Parameters of exactly so many bytes. */
const sized = (bytes) => `{"value":"${'x'.repeat(bytes - 12)}"}`;

test('a result of 10 MiB passes and is recorded', async () => {
  const parameters = sized(10 * MIB);
  const { outcome, response, id } = await execute('/trpc', parameters);
  assert.equal(outcome, 'SUCCESS');
  assert.ok(response === parameters);
  assert.ok(recorded(id)[1].length >= parameters.length && canonical(recorded(id)[1], true) === parameters);
});

for (const [name, bytes] of [['a byte more than 10 MiB', 10 * MIB + 1], ['more than is read of an answer', 25 * MIB]]) {
  test(`a result of ${name} is refused, with a record`, async () => {
    const { status, text } = await execute('/trpc', sized(bytes));
    const { error } = JSON.parse(text);
    assert.deepEqual([status, error.data.code, error.data.reason], [502, 'BAD_GATEWAY', 'RESULT_TOO_LARGE']);
    const [row] = rows(tenon.dir, `SELECT "status", "error", "response", length(CAST("parameters" AS TEXT)) AS length FROM "ToolExecution"
      ORDER BY "id" DESC LIMIT 1`);
    assert.deepEqual({ ...row, length: row.length - Number(onPostgres) }, // jsonb is written with a blank behind the colon
      { status: 'FAILED', error: error.message, response: null, length: bytes });
  });
}
