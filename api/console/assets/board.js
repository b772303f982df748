// bull-board names none of its icon buttons, so that whoever hears a page instead of seeing it hears only "button". This
// tells each by its icon, again whenever the board draws something. What it does not know it leaves alone. It also gives
// way to our own page when the queue cannot be read.
(() => {
  /** By the name of the icon, which is a class of it. What has no such name is the picture of the queue's store. */
  const NAMES = {
    '': 'Queue store',
    'lucide-check': 'Copied',
    'lucide-chevron-down': 'Show details',
    'lucide-chevron-up': 'Hide details',
    'lucide-circle-user': 'Links',
    'lucide-copy': 'Copy',
    'lucide-corner-up-left': 'Promote',
    'lucide-ellipsis-vertical': 'More',
    'lucide-maximize': 'Full screen',
    'lucide-refresh-cw': 'Retry',
    'lucide-settings': 'Settings',
    'lucide-trash-2': 'Clean',
  };
  const named = new WeakSet();

  function nameOf(button) {
    const [icon, ...others] = button.childNodes;
    if (others.length > 0 || icon?.nodeName.toLowerCase() !== 'svg') return undefined;
    const known = [...icon.classList].find((each) => Object.hasOwn(NAMES, each));
    return NAMES[known ?? (icon.getAttribute('role') === 'img' ? '' : undefined)];
  }

  function nameButtons() {
    for (const button of document.querySelectorAll('button')) {
      if (button.hasAttribute('aria-label') && !named.has(button)) continue;
      const name = nameOf(button);
      if (name === undefined) {
        if (named.delete(button)) button.removeAttribute('aria-label');
        continue;
      }
      named.add(button);
      button.setAttribute('aria-label', name);
      button.firstElementChild.setAttribute('aria-hidden', 'true');
    }
  }

  // A queue that cannot be read is shown by the board as one that is not there: the page in its place says what is so.
  const DATA = '/ops/queues/api/';
  const methods = new WeakMap();
  const { open } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (method, ...others) {
    methods.set(this, method.toUpperCase());
    this.addEventListener('loadend', () => {
      const isLook =
        methods.get(this) === 'GET' && new URL(this.responseURL || location.href).pathname.startsWith(DATA);
      if (isLook && this.status === 503) location.reload();
    });
    return open.call(this, method, ...others);
  };

  nameButtons();
  new MutationObserver(nameButtons).observe(document.body, { childList: true, subtree: true });
})();
