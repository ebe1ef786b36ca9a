/* What an attacker tries, a row each. Mallory is a signed-in user of the same app; Ada is his victim; `ada.browser` and
 * `mallory.browser` are who opens a link. Nobody may end up with an account that somebody else approved, and what was
 * refused changed nothing. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { address, tempDir } from '../harness.mjs';
import { client, comeBack, connect, consent, deliverTo, expired, refusal, rows, startTenon, token, until } from './flow.mjs';

const dir = tempDir();
const WEBHOOK_SECRET = 'what-composio-signs-with';
let tenon;
before(async () => { tenon = await startTenon({ dir, env: { COMPOSIO_WEBHOOK_SECRET: WEBHOOK_SECRET } }); });
after(() => tenon.stop());

async function restart() {
  await tenon.stop('SIGKILL');
  tenon = await startTenon({ dir, env: { COMPOSIO_WEBHOOK_SECRET: WEBHOOK_SECRET, LISTEN: address(tenon.url), SANDBOX_LISTEN: address(tenon.sandboxUrl) } });
}

let number = 0;
/** Two users whom no other row knows. */
function cast() {
  number++;
  return Object.fromEntries(['ada', 'mallory'].map((name) => {
    const user = `${name}-${number}`;
    return [name, { user, trpc: client(tenon.url, token(user)) }];
  }));
}

const begin = (who, provider = 'gmail') => who.trpc.integrations.connect.mutate({ provider });
const complete = (who, state, code, provider = 'gmail') => who.trpc.integrations.complete.mutate({ provider, state, ...(code === undefined ? {} : { code }) });
const connection = ({ user }, provider = 'gmail') => rows(dir,
  `SELECT "status", "composioAccountId" FROM "UserConnection" WHERE "userId" = '${user}' AND "provider" = '${provider}'`)[0];

async function refused(call, ...reasons) {
  const { data } = await refusal(call);
  assert.ok(reasons.includes(data.reason), `${data.reason}, not ${reasons}`);
}

/** Mallory's link, approved by Ada, who is lured into it; what her browser brought home. */
async function lure(mallory) {
  const begun = await begin(mallory);
  const home = await comeBack(await consent(begun.authUrl, 'Approve'));
  assert.equal(home.status, 'success');
  return { state: begun.state, home };
}

const attacks = {
  'state replay: the same state and code again is no second connection': async ({ ada }) => {
    const begun = await begin(ada);
    const { code } = await comeBack(await consent(begun.authUrl, 'Approve'));
    await complete(ada, begun.state, code);
    await ada.trpc.integrations.disconnect.mutate({ provider: 'gmail' });
    await refused(complete(ada, begun.state, code), 'STATE_INVALID');
    assert.equal(connection(ada).status, 'REVOKED');
  },
  'state replay: after another connection was made, the old state does not bring the old account back': async ({ ada }) => {
    const first = await begin(ada);
    const { code } = await comeBack(await consent(first.authUrl, 'Approve'));
    await complete(ada, first.state, code);
    await ada.trpc.integrations.disconnect.mutate({ provider: 'gmail' });
    await connect(ada.trpc, 'gmail');
    const now = connection(ada);
    await refused(complete(ada, first.state, code), 'STATE_INVALID');
    assert.deepEqual(connection(ada), now);
  },
  'a state of another user': async ({ ada, mallory }) => {
    const begun = await begin(ada);
    const { code } = await comeBack(await consent(begun.authUrl, 'Approve'));
    await refused(complete(mallory, begun.state, code), 'STATE_INVALID');
    assert.equal(connection(mallory), undefined);
    assert.equal((await complete(ada, begun.state, code)).success, true, 'and it is still hers');
  },
  'a state of another provider': async ({ ada }) => {
    const begun = await begin(ada);
    const { code } = await comeBack(await consent(begun.authUrl, 'Approve'));
    await refused(complete(ada, begun.state, code, 'slack'), 'STATE_INVALID');
    assert.equal(connection(ada, 'slack'), undefined);
  },
  'a guessed state': async ({ mallory }) => {
    await refused(complete(mallory, 'x'.repeat(43), 'y'.repeat(43)), 'STATE_INVALID');
    await refused(complete(mallory, "' OR '1'='1", 'y'), 'STATE_INVALID');
  },
  'a guessed code, many times': async ({ ada }) => {
    const begun = await begin(ada);
    const { code } = await comeBack(await consent(begun.authUrl, 'Approve'));
    for (const guess of ['', 'x', code.slice(1), `${code} `, code.toUpperCase()]) {
      await refused(complete(ada, begun.state, guess), 'CODE_INVALID', 'CODE_REQUIRED', 'INVALID_INPUT');
    }
    assert.equal((await complete(ada, begun.state, code)).success, true);
  },
  'a lured victim: the attacker completes': async ({ mallory }) => {
    const { state } = await lure(mallory);
    await refused(complete(mallory, state), 'CODE_REQUIRED');
    await refused(complete(mallory, state, 'guess'), 'CODE_INVALID');
  },
  'a lured victim: the attacker completes with a code of his own attempt': async ({ mallory }) => {
    const own = await begin(mallory, 'slack');
    const { code } = await comeBack(await consent(own.authUrl, 'Approve'));
    const { state } = await lure(mallory);
    await refused(complete(mallory, state, code), 'CODE_INVALID');
  },
  'a lured victim: her own app completes with what her browser brought': async ({ ada, mallory }) => {
    const { home } = await lure(mallory);
    await refused(complete(ada, home.state, home.code), 'STATE_INVALID');
    assert.equal(connection(ada), undefined);
  },
  'a lured victim: the attacker connects again, hoping that the account is adopted': async ({ mallory }) => {
    await lure(mallory);
    assert.equal((await begin(mallory)).connected, false);
  },
  'a lured victim: the attacker asks for the status, and runs a tool': async ({ mallory }) => {
    await lure(mallory);
    assert.equal((await mallory.trpc.integrations.status.query({ provider: 'gmail' })).connected, false);
    await refused(mallory.trpc.integrations.executeTool.mutate({ provider: 'gmail', toolName: 'GMAIL_FETCH_EMAILS' }), 'NOT_CONNECTED');
  },
  'a lured victim: the attacker waits for the reconciler': async ({ mallory }) => {
    await lure(mallory);
    const old = new Date(Date.now() - 60_000).toISOString();
    rows(dir, `UPDATE "ConnectAttempt" SET "createdAt" = '${old}', "updatedAt" = '${old}' WHERE "userId" = '${mallory.user}'`);
    rows(dir, `UPDATE "UserConnection" SET "lastSyncedAt" = NULL WHERE "userId" = '${mallory.user}'`);
    await restart(); // which reconciles at once
    mallory.trpc = client(tenon.url, token(mallory.user));
    assert.equal((await mallory.trpc.integrations.status.query({ provider: 'gmail' })).connected, false);
    assert.equal((await begin(mallory)).connected, false);
  },
  'a lured victim: disconnecting first, then connecting, adopts nothing either': async ({ mallory }) => {
    await lure(mallory);
    await mallory.trpc.integrations.disconnect.mutate({ provider: 'gmail' });
    assert.equal((await begin(mallory)).connected, false);
  },
  'the link page gives away neither state nor callback key': async ({ mallory }) => {
    const begun = await begin(mallory);
    const page = await (await fetch(begun.authUrl)).text();
    assert.ok(!page.includes(begun.state));
    assert.ok(!/callback\?key=|[?&]key=/.test(page), 'the callback URL is on the page');
    assert.ok(!begun.authUrl.includes(begun.state));
  },
  'the attacker polls the callback until his victim has approved: he does not have its key; with it, the attempt is spent': async ({ mallory }) => {
    const begun = await begin(mallory);
    assert.deepEqual(await comeBack(`${tenon.url}/oauth/callback?key=${begun.state}`), { refused: 400 });
    assert.deepEqual(await comeBack(`${tenon.url}/oauth/callback?state=${begun.state}`), { refused: 400 });
    const callback = await consent(begun.authUrl, 'Approve');
    await comeBack(callback);
    assert.equal((await comeBack(callback)).code, undefined, 'the second browser gets no code');
  },
  'a callback with another account id': async ({ ada, mallory }) => {
    await connect(ada.trpc, 'gmail');
    const begun = await begin(mallory);
    const callback = new URL(await consent(begun.authUrl, 'Approve'));
    callback.searchParams.set('connected_account_id', connection(ada).composioAccountId);
    assert.deepEqual(await comeBack(callback), { refused: 400 });
    callback.searchParams.set('connectedAccountId', connection(ada).composioAccountId);
    callback.searchParams.delete('connected_account_id');
    assert.deepEqual(await comeBack(callback), { refused: 400 });
    assert.notEqual(connection(mallory).status, 'ACTIVE');
  },
  'a callback that claims success of what was denied': async ({ mallory }) => {
    const begun = await begin(mallory);
    const callback = new URL(await consent(begun.authUrl, 'Deny'));
    callback.searchParams.set('status', 'success');
    const home = await comeBack(callback);
    assert.deepEqual([home.status, home.code], ['failed', undefined]);
    await refused(complete(mallory, begun.state), 'AUTHORIZATION_DENIED');
  },
  'an open redirect': async ({ mallory }) => {
    for (const redirectUri of ['https://evil.test/', `${tenon.url}@evil.test/`, `${tenon.url}.evil.test/`, '//evil.test', 'javascript:alert(1)',
      `${tenon.url}\\@evil.test`, `${tenon.url}/\r\nset-cookie: a=b`]) {
      await refused(mallory.trpc.integrations.connect.mutate({ provider: 'gmail', redirectUri }), 'REDIRECT_NOT_ALLOWED', 'INVALID_INPUT');
    }
    assert.equal(connection(mallory), undefined);
  },
  'a forged webhook, which says that her account has expired': async ({ ada }) => {
    await connect(ada.trpc, 'gmail');
    const { composioAccountId: account } = connection(ada);
    for (const [options, ...answer] of [
      [{ secrets: ['guess'] }, 401, 'SIGNATURE_INVALID'],
      [{ secrets: [''] }, 401, 'SIGNATURE_INVALID'],
      [{ secrets: [] }, 401, 'SIGNATURE_MISSING'],
      [{ secrets: [WEBHOOK_SECRET], body: JSON.stringify(expired('ca_of_somebody')), sent: JSON.stringify(expired(account)) }, 401, 'SIGNATURE_INVALID'],
      [{ secrets: [WEBHOOK_SECRET], age: 3600 }, 401, 'TIMESTAMP_STALE'],
    ]) assert.deepEqual(await deliverTo(tenon.url, expired(account), { id: `forged_${account}`, ...options }), answer);
    /* Even one that is signed changes nothing that Composio does not say. */
    assert.deepEqual(await deliverTo(tenon.url, expired(account), { id: `lie_${account}`, secrets: [WEBHOOK_SECRET] }), [200, 'taken']);
    await until('read again', () => rows(dir, `SELECT "lastSyncedAt" AS at FROM "UserConnection" WHERE "userId" = '${ada.user}'`)[0].at !== null);
    assert.equal(connection(ada).status, 'ACTIVE');
  },
  'a webhook replayed': async ({ ada }) => {
    await connect(ada.trpc, 'gmail');
    const { composioAccountId: account } = connection(ada);
    const delivery = { id: `replayed_${account}`, secrets: [WEBHOOK_SECRET] };
    assert.deepEqual(await deliverTo(tenon.url, expired(account), delivery), [200, 'taken']);
    assert.deepEqual(await deliverTo(tenon.url, expired(account), delivery), [200, 'repeated']);
  },
  'user ids that would be another user to Composio\'s filters': async ({ ada, mallory }) => {
    await connect(ada.trpc, 'gmail');
    for (const user of [`${mallory.user},${ada.user}`, `${ada.user}\n`, `${ada.user}\u0000`, `x`.repeat(256), '']) {
      const { data } = await refusal(client(tenon.url, token(user)).integrations.list.query());
      assert.equal(data.code, 'UNAUTHORIZED', JSON.stringify(user));
    }
    /* Allowed, and nobody else: blanks, percent signs, quotes, other cases. */
    for (const user of [` ${ada.user}`, `${ada.user}%`, `${ada.user}' --`, ada.user.toUpperCase(), `${ada.user}&user_ids=${ada.user}`]) {
      const trpc = client(tenon.url, token(user));
      assert.ok((await trpc.integrations.list.query()).every((integration) => integration.connection === null), JSON.stringify(user));
      assert.equal((await trpc.integrations.connect.mutate({ provider: 'gmail' })).connected, false, JSON.stringify(user));
    }
  },
  'a token that is not the server\'s': async ({ ada }) => {
    const { user } = ada;
    for (const bad of [token(user, { secret: 'another secret, also longer than 32 bytes' }), token(user, { header: { alg: 'none' } }).replace(/[^.]*$/, ''),
      token(user, { exp: 1 }), `${token(user)}x`]) {
      const { data } = await refusal(client(tenon.url, bad).integrations.list.query());
      assert.equal(data.code, 'UNAUTHORIZED');
    }
  },
};

for (const [name, attack] of Object.entries(attacks)) {
  test(name, async () => {
    const people = cast();
    await attack(people);
    /* Whatever was tried: nobody holds what he did not approve. */
    const row = connection(people.mallory);
    assert.notEqual(row?.status, 'ACTIVE', 'Mallory is connected');
    const twice = rows(dir, 'SELECT 1 FROM "UserConnection" GROUP BY "userId", "provider" HAVING COUNT(*) > 1');
    assert.deepEqual(twice, []);
  });
}

test('no secret of all this is in the log', () => {
  const log = tenon.log();
  for (const word of ['ak_', 'eyJhbGci', 'key=', WEBHOOK_SECRET]) assert.ok(!log.includes(word), `${word} is in the log`);
});
