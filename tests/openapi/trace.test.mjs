/* What sandboxes answered in the tests before this one, and what Tenon's own client sent them, against Composio's published
 * documents: the traces in TENON_TRACE_DIR, as scripts/test leaves them there. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { atHand, find, load } from './document.mjs';
import { ANSWERS, NOT_EXERCISED, UNDOCUMENTED } from './exceptions.mjs';

const TENON = 'tenon'; // the User-Agent of Tenon's client
const SHOWN = 20;

const directory = process.env.TENON_TRACE_DIR;
const skip = !directory ? 'TENON_TRACE_DIR is not set' : atHand ? false : "Composio's documents are not at hand";

const lines = skip ? [] : readdirSync(directory).filter((name) => name.endsWith('.jsonl')).flatMap((name) =>
  readFileSync(join(directory, name), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)));
const { operations, refusal } = skip ? {} : load();
const answered = lines.filter((line) => line.spoiled === null && line.status !== null);
/** Is a body in its line? The largest are only said to have been there (sandbox/faults/trace.h). */
const kept = (body) => !/^\[\d+ bytes, too many for the trace\]$/.test(body);

/** Fails with the differing kinds of complaint, how often each came, and an example. */
function report(complaints) {
  const kinds = new Map();
  for (const { about, line } of complaints) kinds.set(about, [...(kinds.get(about) ?? []), line]);
  const texts = [...kinds].map(([about, [first, ...others]]) =>
    `${about} (${others.length + 1}×)\n    ${JSON.stringify(first).slice(0, 600)}`);
  assert.equal(texts.length, 0, `${texts.length} kinds of difference:\n${texts.slice(0, SHOWN).join('\n')}`);
}

test('something was recorded, by Tenon and by others', { skip }, () => {
  assert.ok(answered.some((line) => line.user_agent === TENON), 'no request of Tenon');
  assert.ok(answered.some((line) => line.user_agent !== TENON), 'no request of anybody else');
});

test('every answer is as the document has it', { skip }, () => {
  const used = new Set();
  const complaints = [];
  const complain = (operation, line, what) => {
    const row = ANSWERS.find((exception) => exception.operations.test(operation) && exception.says.test(what));
    if (row) used.add(row);
    else complaints.push({ about: `${operation}: ${what}`, line });
  };
  for (const line of answered.filter(({ response }) => kept(response))) {
    const operation = find(operations, line);
    if (operation) {
      for (const what of operation.judgeAnswer(line)) complain(operation.name, line, what);
      continue;
    }
    const name = `${line.method} ${line.path.split('?')[0]}`;
    const row = UNDOCUMENTED.find(({ pattern }) => pattern.test(name));
    if (row) used.add(row);
    else for (const what of refusal.judgeAnswer(line)) complain(name, line, `no such operation, and ${what}`);
  }
  report(complaints);
  const idle = [...ANSWERS, ...UNDOCUMENTED].filter((row) => !used.has(row));
  assert.deepEqual(idle, [], 'these exceptions are no longer needed');
});

test('every request of Tenon is as the document has it', { skip }, () => {
  const complaints = [];
  for (const line of lines.filter(({ user_agent: agent, request }) => agent === TENON && kept(request))) {
    const operation = find(operations, line);
    const name = `${line.method} ${line.path.split('?')[0]}`;
    if (!operation && !UNDOCUMENTED.some(({ pattern }) => pattern.test(name))) {
      complaints.push({ about: `${name}: no such operation`, line });
    }
    for (const what of operation?.judgeRequest(line) ?? []) complaints.push({ about: `${operation.name}: ${what}`, line });
    if (line.credentials.join() !== 'x-api-key') {
      complaints.push({ about: `${name}: credentials ${line.credentials}`, line });
    }
  }
  report(complaints);
});

test('every operation of the documents was exercised with success', { skip }, () => {
  const done = new Set(answered.filter(({ status }) => status < 300).map((line) => find(operations, line)?.name));
  const excused = new Set(NOT_EXERCISED.flatMap(({ versions, operations: list }) => versions.flatMap((version) =>
    list.map((operation) => operation.replace(' /', ` /api/${version}/`)))));
  const names = operations.map(({ name }) => name);
  assert.deepEqual([...excused].filter((name) => !names.includes(name)), [], 'the documents have no such operation');
  assert.deepEqual(names.filter((name) => !done.has(name) && !excused.has(name)), [], 'never exercised');
  assert.deepEqual([...excused].filter((name) => done.has(name)), [], 'exercised: take these out of NOT_EXERCISED');
});
