/* The few lines of tRPC that these pages need (plain JSON, one call a request), and the token they are made with. */
const TOKEN = 'tenon-token';
const TOKEN_REFUSED = ['TOKEN_MISSING', 'TOKEN_INVALID', 'TOKEN_EXPIRED'];

export class CallError extends Error {
  constructor(message, data) {
    super(message);
    this.reason = data?.reason;
    this.signedOut = TOKEN_REFUSED.includes(this.reason);
  }
}

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;
export const keepToken = (token) => sessionStorage.setItem(TOKEN, token);

/** In development the server signs the visitor in: returns the user. Elsewhere, null: a token must be pasted. */
export async function signIn() {
  try {
    const reply = await fetch('/dev/session');
    if (!reply.ok) return null;
    const { token, user } = await reply.json();
    keepToken(token);
    return user;
  } catch {
    return null; // the first call says that the server cannot be reached
  }
}

async function send(path, init) {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(TOKEN) ?? ''}` };
  if (init.body !== undefined) headers['content-type'] = 'application/json';
  let reply;
  try {
    reply = await fetch(path, { ...init, headers });
  } catch {
    throw new CallError('The server cannot be reached. Check that it runs, then try again.');
  }
  let answer;
  try {
    answer = await reply.json();
  } catch {
    throw new CallError(`The server's answer cannot be read (HTTP ${reply.status}). Try again.`);
  }
  if (answer.error) throw new CallError(answer.error.message, answer.error.data);
  return answer.result.data;
}

async function call(procedure, init, query = '') {
  const path = `/trpc/integrations.${procedure}${query}`;
  try {
    return await send(path, init);
  } catch (error) {
    if (!error.signedOut) throw error;
    sessionStorage.removeItem(TOKEN); // too old, or of a server that is no more
    if (await signIn() === null) throw error;
    return send(path, init);
  }
}

export const ask = (procedure, input) =>
  call(procedure, {}, input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`);

/** `input` as a string is JSON already, sent as it is: every digit that a user typed. */
export const tell = (procedure, input) =>
  call(procedure, { method: 'POST', body: typeof input === 'string' ? input : JSON.stringify(input) });

/** Follow the user's connections: `changed` is given each as it changes, and at first as it is. Returns what begins, or
 * begins anew after a sign-in. Only while the page is to be seen: a browser has few connections to a server. */
export function follow(changed) {
  let source = null;
  let last = ''; // what this page knows already
  const begin = () => {
    source?.close();
    source = null;
    if (document.hidden || !hasToken()) return;
    source = new EventSource(`/trpc/integrations.events?${new URLSearchParams({
      connectionParams: JSON.stringify({ token: sessionStorage.getItem(TOKEN) }), lastEventId: last,
    })}`);
    source.onmessage = ({ data, lastEventId }) => {
      last = lastEventId;
      changed(JSON.parse(data));
    };
    // Where trying again can help, the browser does; the next call says what is wrong.
    source.addEventListener('serialized-error', ({ target, data }) => {
      if (JSON.parse(data).data.httpStatus < 500) target.close();
    });
  };
  document.addEventListener('visibilitychange', begin);
  return begin;
}
