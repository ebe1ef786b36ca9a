/* Where the browser lands after the consent: finish the connection, tell the other windows, close. */
import { hasToken, signIn, tell } from '/client.js';

const query = new URLSearchParams(location.search);
const [provider, state, code] = ['provider', 'state', 'code'].map((name) => query.get(name) ?? undefined);
history.replaceState(null, '', '/oauth/callback'); // the secrets are used up or useless; keep them out of sight
const news = new BroadcastChannel('tenon');

function show(title, message) {
  document.getElementById('title').textContent = title;
  document.getElementById('message').textContent = message;
  document.title = title;
}

try {
  if (!hasToken()) await signIn();
  await tell('complete', { provider, state, code });
  show('Connected', 'You can close this window.');
  news.postMessage({ provider });
  window.close();
} catch (error) {
  const denied = error.reason === 'AUTHORIZATION_DENIED';
  show(denied ? 'You declined access' : 'Not connected', error.message);
  news.postMessage({ provider, problem: denied ? 'You declined access. Press Connect to try again.' : error.message });
}
