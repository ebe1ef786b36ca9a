/* The Integrations screen: what is connected, connecting, running a tool. */
import { ask, follow, hasToken, keepToken, signIn, tell } from '/client.js';

const POLL_MS = 1500;
const WINDOW = 'popup,width=520,height=720';

/* Parameters to start from; a tool that is not here starts from {}. */
const EXAMPLES = {
  GMAIL_FETCH_EMAILS: { query: 'in:inbox', max_results: 3, verbose: false },
  GMAIL_LIST_THREADS: { query: 'is:unread', max_results: 5 },
  GMAIL_FETCH_MESSAGE_BY_MESSAGE_ID: { message_id: 'an id from GMAIL_FETCH_EMAILS' },
  GMAIL_FETCH_MESSAGE_BY_THREAD_ID: { thread_id: 'an id from GMAIL_LIST_THREADS' },
  GMAIL_SEND_EMAIL: { recipient_email: 'ada@example.com', subject: 'Hello', body: 'Sent through Tenon.' },
  GMAIL_CREATE_EMAIL_DRAFT: { recipient_email: 'ada@example.com', subject: 'Hello', body: 'A draft.' },
  GMAIL_CREATE_LABEL: { label_name: 'Invoices' },
  GOOGLECALENDAR_EVENTS_LIST: { maxResults: 5 },
  GOOGLECALENDAR_FIND_EVENT: { query: 'review' },
  GOOGLECALENDAR_CREATE_EVENT: { summary: 'Lunch', start_datetime: '2027-01-04T12:00:00', timezone: 'UTC' },
  GOOGLECALENDAR_QUICK_ADD: { text: 'Lunch tomorrow at noon' },
  SLACK_SEND_MESSAGE: { channel: 'general', text: 'Hello from Tenon' },
  SLACK_FETCH_CONVERSATION_HISTORY: { channel: 'general', limit: 5 },
  SLACK_LIST_ALL_CHANNELS: { limit: 10 },
  SLACK_LIST_ALL_USERS: { limit: 10 },
  SLACK_SEARCH_MESSAGES: { query: 'agenda', count: 5 },
  SLACK_FIND_USERS: { email: 'ada@example.com' },
  NOTION_SEARCH_NOTION_PAGE: { query: '', page_size: 5 },
  NOTION_FETCH_DATA: { fetch_type: 'pages', page_size: 5 },
  NOTION_CREATE_NOTION_PAGE: { parent_id: 'an id from NOTION_SEARCH_NOTION_PAGE', title: 'Minutes' },
  GITHUB_LIST_REPOSITORIES_FOR_THE_AUTHENTICATED_USER: { per_page: 5 },
  GITHUB_GET_A_REPOSITORY: { owner: 'demo', repo: 'website' },
  GITHUB_LIST_REPOSITORY_ISSUES: { owner: 'demo', repo: 'website', per_page: 5 },
  GITHUB_CREATE_AN_ISSUE: { owner: 'demo', repo: 'website', title: 'Something is broken' },
  GITHUB_LIST_COMMITS: { owner: 'demo', repo: 'website', per_page: 5 },
  GITHUB_SEARCH_REPOSITORIES: { q: 'parser', per_page: 5 },
};

const LABELS = { ACTIVE: 'Connected', PENDING: 'Not finished', INACTIVE: 'Needs reconnecting' };

const $ = (id) => document.getElementById(id);
const cards = new Map(); // by provider
const news = new BroadcastChannel('tenon');

/** Text that stays the same is left alone, lest it be read out again. */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function showProblem(error) {
  $('sign-in').hidden = !error?.signedOut;
  $('problem').hidden = !error;
  write($('problem'), error?.message ?? '');
  if (error?.signedOut) write($('who'), 'Signed out');
}

/** One integration on the screen, and the attempt to connect it that this window began. */
class Card {
  constructor({ provider, displayName, icon, description, allowedTools }) {
    this.provider = provider;
    this.name = displayName;
    this.attempt = null; // {url, state, expires, popup}
    this.working = false;
    this.node = $('card').content.firstElementChild.cloneNode(true);
    this.node.dataset.provider = provider;
    this.part('h2').textContent = displayName;
    this.part('.description').textContent = description ?? '';
    // A picture elsewhere would be told who looks at this page: its place is taken by the first letter.
    this.part('.icon').textContent = icon && !icon.includes(':') ? icon : displayName[0];
    this.form = this.part('form');
    for (const tool of allowedTools) this.form.tool.add(new Option(tool));
    this.form.tool.addEventListener('change', () => this.showExample());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.work(() => this.run());
    });
    this.showExample();
    $('integrations').append(this.node);
  }

  part(selector) {
    return this.node.querySelector(selector);
  }

  say(text, isProblem = false) {
    this.part('.message').classList.toggle('problem', isProblem);
    write(this.part('.message'), text);
  }

  render(connection) {
    const status = this.status = connection?.status ?? 'NONE';
    if (status === 'ACTIVE' && this.attempt) this.endAttempt('');
    const shown = this.attempt ? 'PENDING' : status;
    this.part('.status').dataset.status = shown;
    write(this.part('.status'), this.attempt ? 'Waiting for you' : LABELS[status] ?? 'Not connected');
    const since = connection?.connectedAt && `since ${new Date(connection.connectedAt).toLocaleDateString()}`;
    write(this.part('.account'),
      status === 'ACTIVE' ? [connection.accountLabel, since].filter(Boolean).join(', ') : '');
    this.part('.run').hidden = status !== 'ACTIVE';
    this.showActions();
  }

  showActions() {
    const actions = this.attempt
      ? { 'Open again': () => this.openAgain(), Cancel: () => this.work(() => this.cancel()) }
      : this.status === 'ACTIVE'
        ? { Disconnect: () => this.work(() => this.disconnect()) }
        : { [this.status === 'INACTIVE' ? 'Reconnect' : 'Connect']: () => this.connect() };
    const place = this.part('.actions');
    if (this.shown === Object.keys(actions).join()) return;
    this.shown = Object.keys(actions).join();
    const hadFocus = place.contains(document.activeElement);
    place.replaceChildren(...Object.entries(actions).map(([name, act]) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.classList.toggle('quiet', name === 'Disconnect' || name === 'Cancel');
      button.textContent = name;
      button.setAttribute('aria-label', `${name} ${this.name}`);
      button.addEventListener('click', act);
      return button;
    }));
    if (hadFocus) place.firstElementChild.focus();
  }

  /** One thing at a time; what goes wrong is said on the card. */
  async work(task) {
    if (this.working) return;
    this.working = true;
    this.node.setAttribute('aria-busy', 'true');
    try {
      await task();
    } catch (error) {
      this.say(error.message, true);
    } finally {
      this.working = false;
      this.node.removeAttribute('aria-busy');
    }
    await refresh();
  }

  /** The window opens in the click itself: later, browsers take it for an unwanted one. */
  connect() {
    if (this.working) return;
    const popup = window.open('', '_blank', WINDOW);
    if (popup) popup.document.title = `Connecting ${this.name}`;
    this.say('Opening…');
    this.work(async () => {
      try {
        const { connected, authUrl, state, expiresAt } = await tell('connect', { provider: this.provider });
        if (connected) {
          popup?.close();
          this.say('');
          return;
        }
        this.attempt = { url: authUrl, state, expires: Date.parse(expiresAt), popup };
        this.say(popup
          ? 'Answer in the window that has opened. If it is gone, press Open again.'
          : 'Your browser held the window back. Press Open again.');
        if (popup) popup.location = authUrl;
        this.watch(this.attempt);
      } catch (error) {
        popup?.close();
        throw error;
      }
    });
  }

  openAgain() {
    const { popup, url } = this.attempt;
    if (popup && !popup.closed) {
      popup.location = url;
      popup.focus();
    } else {
      this.attempt.popup = window.open(url, '_blank', WINDOW);
    }
  }

  /** Whatever becomes of the popup, the server knows: ask it until the attempt is over. */
  async watch(attempt) {
    while (this.attempt === attempt) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (this.attempt !== attempt) return;
      const status = await ask('status', { provider: this.provider }).catch(() => null); // the next turn asks again
      if (this.attempt !== attempt) return;
      if (status?.connection?.status === 'FAILED') {
        this.endAttempt('Access was not given. Press Connect to try again.', true);
      } else if (Date.now() > attempt.expires) {
        this.endAttempt('That took too long. Press Connect to begin anew.', true);
      }
      if (status?.connected || !this.attempt) await refresh();
    }
  }

  endAttempt(message, isProblem = false) {
    this.attempt = null;
    this.say(message, isProblem);
  }

  async cancel() {
    this.attempt.popup?.close();
    this.endAttempt('');
    // What worked once and needs reconnecting stays; a mere attempt is taken back.
    if (this.status === 'PENDING') await tell('disconnect', { provider: this.provider });
  }

  async disconnect() {
    await tell('disconnect', { provider: this.provider });
    this.say('Disconnected.');
    this.showResult('');
  }

  showExample() {
    this.form.parameters.value = JSON.stringify(EXAMPLES[this.form.tool.value] ?? {}, null, 2);
    this.form.parameters.rows = Math.max(3, this.form.parameters.value.split('\n').length);
    this.showResult('');
  }

  showResult(outcome, isProblem = false, response = '') {
    this.part('.outcome').classList.toggle('problem', isProblem);
    write(this.part('.outcome'), outcome);
    write(this.part('.result'), response);
    this.part('.result').hidden = response === '';
  }

  async run() {
    const parameters = this.form.parameters.value.trim() || '{}';
    try {
      JSON.parse(parameters);
    } catch (error) {
      this.showResult(`The parameters are not JSON: ${error.message}`, true);
      this.form.parameters.focus();
      return;
    }
    this.showResult('Running…');
    try {
      // The text as it was typed: every digit of it arrives.
      const { status, response, error, duration } = await tell('executeTool',
        `{"provider":${JSON.stringify(this.provider)},"toolName":${JSON.stringify(this.form.tool.value)},` +
        `"parameters":${parameters}}`);
      const pretty = response == null ? '' : JSON.stringify(response, null, 2);
      if (status === 'SUCCESS') this.showResult(`Done in ${duration} ms`, false, pretty);
      else this.showResult(`Failed after ${duration} ms: ${error}`, true, pretty);
    } catch (error) {
      this.showResult(error.message, true);
    }
  }
}

async function refresh() {
  try {
    for (const integration of await ask('list')) {
      if (!cards.has(integration.provider)) cards.set(integration.provider, new Card(integration));
      cards.get(integration.provider).render(integration.connection);
    }
    showProblem(null);
  } catch (error) {
    showProblem(error);
  }
}

/** The callback page tells how it went, wherever the browser put it; without a session it hands over what it has. */
news.onmessage = ({ data: { provider, problem, state, code, sessionUri } }) => {
  const card = cards.get(provider);
  if (sessionUri !== undefined) {
    tell('verify', { sessionUri }).catch(showProblem).finally(refresh);
  } else if (state === undefined) {
    if (problem) card?.endAttempt(problem, true);
    refresh();
  } else if (card?.attempt?.state === state) {
    card.work(async () => {
      await tell('complete', { provider, state, code }).catch((error) => {
        card.attempt = null;
        throw error;
      });
      card.attempt?.popup?.close();
    });
  }
};
window.addEventListener('focus', refresh);
const followAnew = follow(({ provider, connection }) => cards.get(provider)?.render(connection));

$('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  keepToken(event.target.token.value.trim());
  event.target.reset();
  write($('who'), 'Signed in');
  refresh().then(followAnew);
});

const user = await signIn();
write($('who'), user ? `Signed in as ${user}` : hasToken() ? 'Signed in' : 'Signed out');
if (user || hasToken()) refresh().then(followAnew);
else $('sign-in').hidden = false;
