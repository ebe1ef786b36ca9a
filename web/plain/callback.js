/* Where the browser lands after the consent: finish the connection, tell the other windows, close. */
import { hasToken, signIn, tell } from '/client.js';

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const [provider, state, code, sessionUri] = ['provider', 'state', 'code', 'session_uri'].map((name) => query.get(name) ?? undefined);
history.replaceState(null, '', '/oauth/callback'); // neither in the history nor over a shoulder
const news = new BroadcastChannel('tenon');

function show(title, message, again = false) {
  document.title = title;
  $('title').textContent = title;
  $('message').textContent = message;
  $('again').hidden = !again;
}

function fail(error) {
  const denied = error.reason === 'AUTHORIZATION_DENIED';
  const title = denied ? 'You declined access' : 'Not connected';
  show(title, denied ? 'Nothing was connected. You can try again, or close this window.' : error.message, true);
  news.postMessage({ provider, problem: denied ? `${title}. Press Connect to try again.` : error.message });
}

async function complete() {
  if (!hasToken() && await signIn() === null) {
    // A browser that gave this window no session of ours: the one that began may have it.
    news.postMessage({ provider, state, code, sessionUri });
    show('Almost done', 'Go back to the window where you pressed Connect: it finishes by itself.');
    return;
  }
  const done = sessionUri === undefined ? await tell('complete', { provider, state, code }) : await tell('verify', { sessionUri });
  show('Connected', 'You can close this window.');
  news.postMessage({ provider: provider ?? done.provider });
  window.close();
}

$('again').addEventListener('click', async () => {
  show('Connecting…', 'One moment.');
  try {
    const result = await tell('connect', { provider });
    location.assign(result.connected ? '/' : result.authUrl);
  } catch (error) {
    fail(error);
  }
});

complete().catch(fail);
