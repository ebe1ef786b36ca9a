/* The primary database is killed under load and its standby promoted, as docs/many-instances.md says: the instances recover by
 * themselves, and what was acknowledged is there. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { client, connect, openScreen, token, until } from '../clients/flow.mjs';
import { endAll } from '../harness.mjs';
import { startFleet } from './fleet.mjs';
import { Load } from './load.mjs';
import { IN_FULL, SECONDS, USERS, seed, settle, tell } from './report.mjs';
import { promote, startStandby } from './services.mjs';

const READS = ['list', 'status'];
const WRITES = ['execute', 'execute (key)', 'connect', 'complete', 'disconnect'];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

after(endAll);

/** What is changed at each instance is told to a screen that one of them serves. */
async function seesEveryInstance(screen, { instances }) {
  for (const { server } of instances) {
    const trpc = client(server.url, token('watcher'));
    await connect(trpc, 'notion');
    await until('the connection is told', () => screen.told.includes('notion ACTIVE'));
    await trpc.integrations.disconnect.mutate({ provider: 'notion' });
    await until('its end is told', () => screen.told.includes('notion REVOKED'));
    screen.told.length = 0;
  }
}

test(`the primary killed, the standby promoted (SEED=${seed})`, async (t) => {
  const fleet = await startFleet(USERS);
  const standby = await startStandby(fleet.primary, fleet.standbyPort);
  const load = new Load({ url: fleet.url, users: USERS, seed });
  const screen = openScreen(fleet.url, token('watcher'));
  await seesEveryInstance(screen, fleet);
  t.after(() => load.stop());
  load.start();
  await pause(SECONDS * 500);
  const killed = performance.now();
  fleet.primary.kill();
  await fleet.primary.ended;
  await pause(IN_FULL ? 10_000 : 500); // until somebody, or something, decides
  promote(standby);
  fleet.bouncer.turn(standby);
  const promoted = performance.now() - killed;
  await until('both are served again', () => Number.isFinite(load.firstGood(killed + promoted, READS) + load.firstGood(killed + promoted, WRITES)));
  await pause(SECONDS * 500);
  await load.stop();
  const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
  tell(`primary killed, standby promoted after ${seconds(promoted)}, ${USERS} users`, load);
  tell(`without service: reads ${seconds(load.firstGood(killed, READS))}, writes ${seconds(load.firstGood(killed, WRITES))}`);

  await seesEveryInstance(screen, fleet);
  assert.equal(screen.error, undefined);
  screen.close();
  await settle(fleet, load, standby.url);
  for (const instance of fleet.instances) assert.equal(instance.starts, 1);
  for (const end of await fleet.stop()) assert.deepEqual(end, { code: 0, signal: null });
  await standby.stop();
});
