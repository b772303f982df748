/*
 * For every page with a form. One click sends one form, however many there are; and a page that the back button brings
 * out of the browser's memory is asked for anew, so that it shows nothing of somebody who has logged out.
 */
'use strict';
(() => {
  const RELEASE_AFTER_MS = 10_000;
  const release = (form) => {
    delete form.dataset.sent;
    form.querySelector('button:not([type=button])')?.removeAttribute('aria-busy');
  };
  document.addEventListener('submit', (event) => {
    const form = event.target;
    // Where another script answers in place, it also knows when the answer is there.
    if (event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = 'yes';
    // Whoever stops the browser while it waits may send again.
    setTimeout(release, RELEASE_AFTER_MS, form);
    form.querySelector('button:not([type=button])')?.setAttribute('aria-busy', 'true');
  });
  addEventListener('pagehide', (event) => {
    if (event.persisted) document.documentElement.hidden = true;
  });
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
    for (const form of document.forms) release(form);
  });
})();
