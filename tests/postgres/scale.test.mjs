/* What Tenon asks of PostgreSQL costs a user the same however many others there are, and however many executions: the plans
 * of all its statements, as they ran, in a small and a large database. `make bench-scale` measures it with millions. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { installation } from '../clients/flow.mjs';
import { run, startSandbox } from '../harness.mjs';
import { explained, faults, mostPages } from '../scale/plans.mjs';
import { asIfLarge, GROWING, populate } from '../scale/population.mjs';
import { askAll, doAll, giveLeaseBack, reconcile, takeLease } from '../scale/requests.mjs';

const SIZES = [{ users: 1000, executions: 6667 }, { users: 10_000, executions: 60_000 }];
const KEPT_DAYS = 80;

let sandbox, small, large;
before(async () => {
  sandbox = await startSandbox();
  [small, large] = await Promise.all(SIZES.map(async (size) => {
    const place = await installation(sandbox.url);
    assert.equal((await run('setup', [], place)).code, 0);
    await populate(place.database, { ...size, active: 100, each: 60 });
    await asIfLarge(place.database);
    takeLease(place); // users first
    return place;
  }));
});
after(() => sandbox.stop());

/* A page that looks at rows reads two tables, 250 rows at once; a user who has fewer may have all of them sorted. */
const USERS_LIMITS = { growing: GROWING, rows: 600, sorted: 250 };

test('what a user asks and does reads as much among ten thousand users as among one thousand', async () => {
  const all = async (place) => {
    await askAll(place, 1, 30);
    await doAll(place);
  };
  const few = mostPages(await explained(small.database, () => all(small)));
  const many = await explained(large.database, () => all(large));
  assert.deepEqual(faults(many, USERS_LIMITS), []);
  for (const [text, pages] of mostPages(many)) {
    // An index that is ten times as large may have one more level; a write may meet a full page, split it and look for room.
    assert.ok(pages <= 1.4 * few.get(text) + (text.startsWith('SELECT') ? 4 : 100), `${few.get(text)} pages, then ${pages}: ${text}`);
  }
});

test('a user with thousands of executions has pages that read as much as any', async () => {
  assert.deepEqual(faults(await explained(large.database, () => askAll(large, 0, 3000)), USERS_LIMITS), []);
});

test('what the reconciler does in a turn reads along indexes, a piece at a time', async () => {
  giveLeaseBack(large);
  const statements = await explained(large.database, (seen) => reconcile(large, KEPT_DAYS, seen));
  assert.deepEqual(faults(statements, { growing: GROWING, rows: 2100, sorted: 600 }), []);
  const texts = [...statements.keys()];
  for (const part of ['DELETE FROM "UserExecution"', 'DELETE FROM "ToolExecution"', 'UPDATE "ToolExecution"', 'FROM "UserConnection" WHERE "id" >',
    'INSERT INTO "CleanupJob"', 'DELETE FROM "IdempotencyKey"', 'DELETE FROM "WebhookDelivery"']) {
    assert.ok(texts.some((text) => text.includes(part)), part);
  }
});
