// Shows how far a running verification is, and loads the page again when it has ended. The page is complete without it.
(() => {
  const bar = document.getElementById('progress');
  const text = document.getElementById('progress-text');
  const PAUSE_MS = 1000;
  const TIMEOUT_MS = 4000;
  let timer;
  if (!bar) return;

  async function poll() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const response = await fetch('/ops/books/progress', {
        headers: { Accept: 'application/json' },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const progress = response.ok ? await response.json() : { running: response.status >= 500 };
      if (!progress.running) {
        location.reload();
        return;
      }
      if (progress.text !== undefined) {
        bar.max = progress.total;
        bar.value = progress.done;
        text.textContent = progress.text;
      }
    } catch {
      // It is asked again in a moment.
    }
    clearTimeout(timer);
    timer = setTimeout(poll, PAUSE_MS);
  }

  void poll();
  document.addEventListener('visibilitychange', () => void poll());
})();
