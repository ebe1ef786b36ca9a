/* Composio's callback identity verification through the whole server: the sandbox's project has a verifier URL, Tenon's
 * callback, and an account becomes ACTIVE only when `integrations.verify` has said who is signed in. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { client, comeBack, consent, control, refusal, startTenon, token } from './flow.mjs';

let tenon;
before(async () => {
  tenon = await startTenon();
  const reply = await control(tenon.sandboxUrl, 'POST', 'project', { verifier_url: `${tenon.url}/oauth/callback` });
  assert.equal(reply.status, 200);
});
after(() => tenon.stop());

const of = (user) => client(tenon.url, token(user));

/** Press Connect, approve; what the frontend is given. */
async function consented(trpc, provider = 'gmail') {
  const { authUrl } = await trpc.integrations.connect.mutate({ provider });
  const page = await comeBack(await consent(authUrl, 'Approve'));
  assert.deepEqual(Object.keys(page), ['verify', 'session_uri']);
  return page.session_uri;
}

test('the user who began is connected, and the same call again answers the same', async () => {
  const trpc = of('verified');
  const sessionUri = await consented(trpc);
  const pending = await trpc.integrations.status.query({ provider: 'gmail' });
  assert.equal(pending.connected, false, 'consent alone connects nobody');
  const done = await trpc.integrations.verify.mutate({ sessionUri });
  assert.deepEqual([done.success, done.provider, done.connection.status], [true, 'gmail', 'ACTIVE']);
  const again = await trpc.integrations.verify.mutate({ sessionUri });
  assert.equal(again.connection.id, done.connection.id);
  const run = await trpc.integrations.executeTool.mutate({ provider: 'gmail', toolName: 'GMAIL_FETCH_EMAILS', parameters: {} });
  assert.equal(run.status, 'SUCCESS');
});

test('somebody else\'s browser connects nobody', async () => {
  const [attacker, victim] = [of('attacker'), of('victim')];
  const sessionUri = await consented(attacker);
  const error = await refusal(victim.integrations.verify.mutate({ sessionUri }));
  assert.deepEqual([error.data.code, error.data.reason], ['FORBIDDEN', 'AUTHORIZATION_DENIED']);
  const late = await refusal(attacker.integrations.verify.mutate({ sessionUri }));
  assert.equal(late.data.code, 'BAD_REQUEST', 'the session is used up');
  for (const trpc of [attacker, victim]) {
    assert.equal((await trpc.integrations.status.query({ provider: 'gmail' })).connected, false);
  }
});

test('a session that is too old, and one that never was', async () => {
  const trpc = of('late');
  const sessionUri = await consented(trpc, 'slack');
  await control(tenon.sandboxUrl, 'POST', 'clock', { advance_seconds: 601 });
  for (const uri of [sessionUri, 'urn:composio:session:none']) {
    const error = await refusal(trpc.integrations.verify.mutate({ sessionUri: uri }));
    assert.deepEqual([error.data.code, error.data.reason], ['BAD_REQUEST', 'STATE_EXPIRED']);
  }
});

test('a refusal comes back as without verification', async () => {
  const trpc = of('denier');
  const { authUrl } = await trpc.integrations.connect.mutate({ provider: 'gmail' });
  const { state, code } = await comeBack(await consent(authUrl, 'Deny'));
  const error = await refusal(trpc.integrations.complete.mutate({ provider: 'gmail', state, code }));
  assert.equal(error.data.reason, 'AUTHORIZATION_DENIED');
});
