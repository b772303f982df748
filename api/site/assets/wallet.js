/*
 * Makes the wallet's page live. The server alone makes pages; this script asks for the same page again, is told "not
 * modified" while nothing has changed, and otherwise takes out of it what is new. A form is sent as without the script,
 * and the page that answers it is put in place; until then looking goes on, and shows what was sent as under way.
 *
 *     looking ──changed──▶ put in place        every 1.5 s; every 15 s after five minutes without anybody's hand,
 *        │                                     not at all after an hour, or while the page is hidden
 *        ├──no answer──▶ say so, look again more and more slowly
 *        └──logged out──▶ to the log-in page
 */
'use strict';
(() => {
  const LOOK_EVERY_MS = 1_500;
  const LOOK_IDLY_EVERY_MS = 15_000;
  const LOOK_AT_LEAST_EVERY_MS = 30_000;
  const IDLE_AFTER_MS = 5 * 60_000;
  const ASLEEP_AFTER_MS = 60 * 60_000;
  const LOOK_LIMIT_MS = 10_000;
  const SEND_LIMIT_MS = 45_000;
  const SAY_STALE_AFTER = 2;

  const page = document.getElementById('wallet');
  let timer;
  let looking;
  let isSending = false;
  let failures = 0;
  let lastTouchedMs = Date.now();

  /* Putting in place */

  /** What was under way on this page and is not any more is told, in the words of its row. */
  const tellEnded = (fresh) => {
    const news = document.getElementById('news');
    for (const row of page.querySelectorAll('[data-state=pending]')) {
      const id = row.dataset.operation;
      const now = fresh.querySelector(`li[data-operation="${id}"]`);
      if (!now?.dataset.news || now.dataset.state === 'pending') continue;
      news.querySelector(`[data-operation="${id}"]`)?.remove();
      const told = document.createElement('p');
      told.className = now.dataset.state;
      told.dataset.operation = id;
      told.textContent = now.dataset.news;
      news.append(told);
    }
  };

  /** A message that is being read stays open. */
  const keepOpen = (fresh) => {
    for (const open of page.querySelectorAll('#operations details[open]')) {
      const id = open.closest('li').dataset.operation;
      fresh.querySelector(`li[data-operation="${id}"] details`)?.setAttribute('open', '');
    }
  };

  /** Makes `target` read as `source` does, and leaves alone what is the same already: it may be focused or being read. */
  const replaceChanged = (target, source) => {
    const left = [...target.children];
    let place = target.firstElementChild;
    for (const child of [...source.children]) {
      const at = left.findIndex((each) => each.isEqualNode(child));
      const [same] = at === -1 ? [] : left.splice(at, 1);
      if (same && same === place) place = place.nextElementSibling;
      else target.insertBefore(same ?? child, place);
    }
    for (const child of left) child.remove();
  };

  const put = (fresh) => {
    if (fresh.dataset.number !== page.dataset.number) {
      // Somebody else has logged in, in another tab.
      location.reload();
      return;
    }
    tellEnded(fresh);
    keepOpen(fresh);
    document.getElementById('sending').disabled = fresh.querySelector('#sending').disabled;
    for (const part of page.querySelectorAll('[data-live]')) {
      const source = fresh.querySelector(`#${part.id}`);
      if (source) replaceChanged(part, source);
    }
    page.dataset.mark = fresh.dataset.mark;
  };

  const parse = async (response) => {
    const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
    adapt(fresh);
    return fresh;
  };

  /** What only a browser knows: its time zone, and whether it can copy. */
  const adapt = (root) => {
    const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
    for (const time of root.querySelectorAll('time')) time.textContent = format.format(new Date(time.dateTime));
    if (navigator.clipboard) for (const button of root.querySelectorAll('[data-copy]')) button.hidden = false;
  };

  /* Looking */

  /** The session has ended. What has been typed goes along, and is there again after the log-in; nothing is sent. */
  const leave = () => {
    stopLooking();
    const form = document.getElementById('payment');
    if (![...form.elements].some(({ type, value }) => type === 'text' && value !== '')) {
      location.replace('/login');
      return;
    }
    form.action = '/login/draft';
    form.submit();
  };

  const pauseMs = () => {
    const idleMs = Date.now() - lastTouchedMs;
    if (idleMs > ASLEEP_AFTER_MS) return undefined;
    const usualMs = idleMs > IDLE_AFTER_MS ? LOOK_IDLY_EVERY_MS : LOOK_EVERY_MS;
    return Math.min(usualMs * 2 ** failures, Math.max(usualMs, LOOK_AT_LEAST_EVERY_MS));
  };

  const lookLater = () => {
    clearTimeout(timer);
    const afterMs = pauseMs();
    if (document.hidden || afterMs === undefined) return;
    // Pages that were opened or failed at the same moment drift apart.
    timer = setTimeout(look, afterMs * (0.9 + Math.random() * 0.2));
  };

  const stopLooking = () => {
    clearTimeout(timer);
    looking?.abort();
    looking = undefined;
  };

  const look = async () => {
    stopLooking();
    const own = new AbortController();
    looking = own;
    const limit = setTimeout(() => own.abort(), LOOK_LIMIT_MS);
    try {
      const response = await fetch(location.href, {
        headers: { Accept: 'text/html', 'If-None-Match': `"${page.dataset.mark}"` },
        redirect: 'manual',
        signal: own.signal,
      });
      if (looking !== own) return;
      if (response.type === 'opaqueredirect' || response.status === 401) {
        leave();
        return;
      }
      if (response.status !== 304) {
        const fresh = response.ok && (await parse(response)).getElementById('wallet');
        if (looking !== own) return;
        if (!fresh) throw new Error(`no wallet: ${response.status}`);
        put(fresh);
      }
      failures = 0;
    } catch {
      // Given up for something else, which looks again itself.
      if (looking !== own) return;
      failures += 1;
    } finally {
      clearTimeout(limit);
    }
    const isStale = failures >= SAY_STALE_AFTER;
    const words = isStale ? 'Saldo does not answer just now: what you see may be out of date.' : '';
    const stale = document.getElementById('stale');
    if (stale.textContent !== words) stale.textContent = words;
    lookLater();
  };

  /* Sending */

  const complain = (form, text) => {
    form.querySelector('[role=alert]')?.remove();
    const complaint = document.createElement('p');
    complaint.setAttribute('role', 'alert');
    complaint.className = 'error';
    complaint.tabIndex = -1;
    complaint.textContent = text;
    form.prepend(complaint);
    complaint.focus();
  };

  const send = async (form) => {
    const response = await fetch(form.action, {
      method: 'POST',
      headers: { Accept: 'text/html' },
      body: new URLSearchParams(new FormData(form)),
      signal: AbortSignal.timeout(SEND_LIMIT_MS),
    });
    if (response.status === 401) {
      leave();
      return;
    }
    const answer = await parse(response);
    stopLooking();
    const fresh = answer.getElementById('wallet');
    if (!fresh) {
      // The page could not be made. The form stays as it is, and its key with it.
      const reason = answer.querySelector('main form .error');
      const words = reason ? [reason] : [...answer.querySelectorAll('main h1, main h1 + p')];
      const said = words.map(({ textContent }) => textContent).join('. ');
      complain(form, said || 'No answer that can be read came. Send this same form again: it never pays twice.');
      return;
    }
    // The page that answers is the one shown from now on: news of an earlier payment does not stand above a refusal.
    history.replaceState(null, '', response.url);
    document.getElementById('news').replaceChildren(...fresh.querySelector('#news').children);
    put(fresh);
    form.replaceChildren(...fresh.querySelector('#payment').children);
    const alert = form.querySelector('[role=alert]');
    if (alert) alert.tabIndex = -1;
    (form.querySelector('[aria-invalid]') ?? alert ?? document.getElementById('news')).focus();
  };

  page.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (isSending) return;
    const form = event.target;
    isSending = true;
    const button = form.querySelector('button');
    button.setAttribute('aria-busy', 'true');
    try {
      await send(form);
    } catch {
      complain(
        form,
        'No answer came, so whether it was sent is not known. Send this same form again: it never pays twice.',
      );
    } finally {
      button.removeAttribute('aria-busy');
      isSending = false;
      lookLater();
    }
  });

  page.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = 'Copied';
  });

  /* Somebody is there */

  const touched = () => {
    const wasIdle = Date.now() - lastTouchedMs > IDLE_AFTER_MS;
    lastTouchedMs = Date.now();
    if (wasIdle) void look();
  };
  for (const type of ['pointerdown', 'keydown', 'scroll']) addEventListener(type, touched, { passive: true });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) stopLooking();
    else void look();
  });
  addEventListener('online', () => {
    if (!document.hidden) void look();
  });

  adapt(document);
  lookLater();
})();
