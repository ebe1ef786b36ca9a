/* kill -9 of a random instance every second, under load: nothing acknowledged is lost, nothing is done twice.
 * FLEET_SECONDS and FLEET_USERS make it longer (`make test-fleet`), SEED repeats the choices of a run. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { endAll } from '../harness.mjs';
import { startFleet } from './fleet.mjs';
import { Load } from './load.mjs';
import { SECONDS, USERS, milliseconds, seed, settle, tell } from './report.mjs';

after(endAll);

test(`an instance killed every second (SEED=${seed})`, async (t) => {
  const fleet = await startFleet(USERS);
  const load = new Load({ url: fleet.url, users: USERS, seed });
  const kills = [], restarts = [];
  t.after(() => load.stop());
  load.start();
  for (let second = 0; second < SECONDS; second++) {
    await new Promise((resolve) => setTimeout(resolve, 1000)); // the pace is what is tried out
    const up = fleet.instances.filter((instance) => instance.up);
    if (up.length === 0) continue;
    kills.push(performance.now());
    const restart = load.pick(up).restart();
    restart.catch(() => {}); // looked at in the end
    restarts.push(restart);
  }
  const recovered = await Promise.all(restarts);
  await load.stop();
  tell(`${kills.length} kills, ${USERS} users`, load);
  tell(`an instance answers again, after its kill: ${milliseconds(recovered)}`);
  tell(`through nginx, the first answer to what was asked after a kill: ${milliseconds(kills.map((at) => load.firstGood(at)))}`);
  tell(`the longest time without any answer: ${Math.round(load.longestSilence())} ms`);

  await settle(fleet, load, fleet.primary.url);
  assert.ok(kills.length > SECONDS / 2, `${kills.length} kills`);
  for (const end of await fleet.stop()) assert.deepEqual(end, { code: 0, signal: null });
});
