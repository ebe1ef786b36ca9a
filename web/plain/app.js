import { ask, forgetToken, hasToken, keepToken, signIn, tell } from '/client.js';

const POLL_MS = 1500;
const $ = (id) => document.getElementById(id);
const cards = new Map(); // provider -> its card
const news = new BroadcastChannel('tenon');

const EXAMPLES = {
  GMAIL_FETCH_EMAILS: { query: '', max_results: 5 },
  GMAIL_SEND_EMAIL: { recipient_email: 'ada@example.com', subject: 'Hello', body: 'Sent by Tenon.' },
  GOOGLECALENDAR_EVENTS_LIST: { maxResults: 5 },
  GOOGLECALENDAR_CREATE_EVENT: { summary: 'Lunch', start_datetime: '2027-01-04T12:00:00' },
  SLACK_SEND_MESSAGE: { channel: 'general', text: 'Hello from Tenon' },
  SLACK_FETCH_CONVERSATION_HISTORY: { channel: 'general', limit: 5 },
  NOTION_SEARCH_NOTION_PAGE: { query: '', page_size: 5 },
  GITHUB_LIST_REPOSITORIES_FOR_THE_AUTHENTICATED_USER: { per_page: 5 },
};

const STATUS = {
  ACTIVE: 'Connected', PENDING: 'Waiting', INACTIVE: 'Needs reconnecting', FAILED: 'Not connected',
  REVOKED: 'Not connected',
};

function showProblem(error) {
  $('problem').textContent = error?.message ?? '';
  $('problem').hidden = !error;
  if (error?.reason?.startsWith('TOKEN_')) {
    forgetToken();
    $('sign-in').hidden = false;
  }
}

/** One integration on the screen, and the attempt to connect it that is under way in this window. */
class Card {
  constructor(integration) {
    this.provider = integration.provider;
    this.node = $('card').content.firstElementChild.cloneNode(true);
    this.node.dataset.provider = this.provider;
    this.attempt = null;
    const form = this.node.querySelector('form');
    form.addEventListener('submit', (event) => this.run(event));
    form.tool.addEventListener('change', () => this.showExample());
    for (const tool of integration.allowedTools) form.tool.add(new Option(tool, tool));
    this.showExample();
    $('integrations').append(this.node);
  }

  part(selector) {
    return this.node.querySelector(selector);
  }

  say(text, isProblem = false) {
    this.part('.message').textContent = text;
    this.part('.message').classList.toggle('problem', isProblem);
  }

  showExample() {
    const form = this.part('form');
    form.parameters.value = JSON.stringify(EXAMPLES[form.tool.value] ?? {}, null, 1);
  }

  render(integration) {
    const status = integration.connection?.status;
    this.part('h2').textContent = integration.displayName;
    this.part('.icon').textContent = integration.displayName[0];
    this.part('.description').textContent = integration.description ?? '';
    this.status = status;
    this.connected = status === 'ACTIVE';
    if (this.connected && this.attempt) this.endAttempt('');
    const label = integration.connection?.accountLabel;
    this.part('.status').textContent = this.attempt ? 'Waiting' : STATUS[status] ?? 'Not connected';
    this.part('.status').dataset.status = this.attempt ? 'PENDING' : status ?? 'NONE';
    if (this.connected) this.say(label ? `Account ${label}` : '');
    this.part('.run').hidden = !this.connected;
    this.showActions(status);
  }

  showActions(status) {
    const actions = this.attempt
      ? [['Open again', () => this.open()], ['Cancel', () => this.cancel()]]
      : this.connected
        ? [['Disconnect', () => this.disconnect()]]
        : [[status === 'INACTIVE' ? 'Reconnect' : 'Connect', () => this.connect()]];
    const wanted = actions.map(([name]) => name).join();
    if (this.shown === wanted) return; // keep the focus where it is
    this.shown = wanted;
    this.part('.actions').replaceChildren(...actions.map(([name, act]) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = name;
      button.setAttribute('aria-label', `${name} ${this.part('h2').textContent}`);
      button.addEventListener('click', act);
      return button;
    }));
  }

  /** The window opens in the click itself: later, browsers take it for an unwanted one. */
  async connect() {
    const popup = window.open('', `tenon-${this.provider}`, 'popup,width=520,height=680');
    this.say('');
    try {
      const result = await tell('connect', { provider: this.provider });
      if (result.connected) {
        popup?.close();
      } else {
        this.attempt = { url: result.authUrl, popup };
        this.say(popup ? 'Answer the page that has opened.' : 'Your browser kept the page back: press Open again.');
        if (popup) popup.location = result.authUrl;
        this.watch(this.attempt);
      }
    } catch (error) {
      popup?.close();
      this.say(error.message, true);
    }
    await refresh();
  }

  open() {
    this.attempt.popup = window.open(this.attempt.url, `tenon-${this.provider}`, 'popup,width=520,height=680');
  }

  /** Whatever becomes of the popup, the server knows: ask it until the attempt is over. */
  async watch(attempt) {
    while (this.attempt === attempt) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (this.attempt !== attempt) return;
      try {
        const { connection } = await ask('status', { provider: this.provider });
        if (connection?.status === 'FAILED') this.endAttempt('Access was not granted. Press Connect to try again.', true);
      } catch { /* the next turn asks again */ }
      await refresh();
    }
  }

  endAttempt(message, isProblem = false) {
    this.attempt = null;
    this.say(message, isProblem);
  }

  async cancel() {
    this.attempt.popup?.close();
    this.endAttempt('');
    // What worked before and needs reconnecting stays; an attempt alone is taken back.
    if (this.status === 'PENDING') await this.disconnect();
    else await refresh();
  }

  async disconnect() {
    try {
      await tell('disconnect', { provider: this.provider });
      this.say('');
    } catch (error) {
      this.say(error.message, true);
    }
    await refresh();
  }

  async run(event) {
    event.preventDefault();
    const form = event.target;
    const result = this.part('.result');
    const button = form.querySelector('button');
    result.hidden = false;
    result.classList.remove('problem');
    try {
      JSON.parse(form.parameters.value);
      button.disabled = true;
      result.textContent = 'Running…';
      const answer = await tell('executeTool',
        `{"provider":${JSON.stringify(this.provider)},"toolName":${JSON.stringify(form.tool.value)},` +
        `"parameters":${form.parameters.value}}`);
      result.classList.toggle('problem', answer.status !== 'SUCCESS');
      result.textContent = `${answer.status} in ${answer.duration} ms\n` +
        (answer.error ?? JSON.stringify(answer.response, null, 2));
    } catch (error) {
      result.classList.add('problem');
      result.textContent = error instanceof SyntaxError ? `The parameters are not JSON: ${error.message}` : error.message;
      if (['NOT_CONNECTED', 'RECONNECT_REQUIRED'].includes(error.reason)) await refresh();
    } finally {
      button.disabled = false;
    }
  }
}

async function refresh() {
  try {
    for (const integration of await ask('list')) {
      if (!cards.has(integration.provider)) cards.set(integration.provider, new Card(integration));
      cards.get(integration.provider).render(integration);
    }
    showProblem(null);
  } catch (error) {
    showProblem(error);
  }
}

/** The callback page, in the popup or wherever the browser put it, tells how it went. */
news.onmessage = ({ data }) => {
  const card = cards.get(data.provider);
  if (data.problem) card?.endAttempt(data.problem, true);
  refresh();
};
window.addEventListener('focus', refresh);

$('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  keepToken($('token').value.trim());
  $('sign-in').hidden = true;
  refresh();
});

const user = await signIn();
$('who').textContent = user ? `Signed in as ${user}` : '';
if (user || hasToken()) await refresh();
else $('sign-in').hidden = false;
