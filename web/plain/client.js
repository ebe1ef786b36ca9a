/* The few lines of tRPC that these pages need: plain JSON, one call a request. */
const SESSION = 'tenon-token';

export class CallError extends Error {
  constructor(message, data) {
    super(message);
    this.reason = data?.reason;
  }
}

/** In development the server signs the visitor in; elsewhere the token is asked for once a tab. */
export async function signIn() {
  const reply = await fetch('/dev/session');
  if (reply.ok) {
    const session = await reply.json();
    sessionStorage.setItem(SESSION, session.token);
    return session.user;
  }
  return null;
}

export const hasToken = () => sessionStorage.getItem(SESSION) !== null;
export const keepToken = (token) => sessionStorage.setItem(SESSION, token);
export const forgetToken = () => sessionStorage.removeItem(SESSION);

async function call(procedure, init, query = '') {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(SESSION) ?? ''}` };
  if (init.body !== undefined) headers['content-type'] = 'application/json';
  let reply;
  try {
    reply = await fetch(`/trpc/integrations.${procedure}${query}`, { ...init, headers });
  } catch {
    throw new CallError('The server cannot be reached. Check that it runs, then try again.', {});
  }
  const answer = await reply.json();
  if (answer.error) throw new CallError(answer.error.message, answer.error.data);
  return answer.result.data;
}

export const ask = (procedure, input) =>
  call(procedure, { method: 'GET' },
    input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`);

/** `input` as JSON text keeps every digit that a user typed. */
export const tell = (procedure, input) =>
  call(procedure, { method: 'POST', body: typeof input === 'string' ? input : JSON.stringify(input) });
