// Keeps the overview up to date: asks for new figures every few seconds while the page can be seen, and draws the charts.
// The page is complete without it.
(() => {
  const root = document.getElementById('overview');
  const pollMs = Number(root.dataset.pollS) * 1000;
  const TIMEOUT_MS = 4000;
  const SLOWER = 3;
  const CHART_HEIGHT = 176;
  // Told apart by hue and by dash.
  const LINES = [
    { stroke: '#1095c1', dash: [] },
    { stroke: '#d93526', dash: [6, 4] },
    { stroke: '#8e44ad', dash: [2, 3] },
    { stroke: '#398712', dash: [12, 4] },
    { stroke: '#1095c1', dash: [2, 3] },
    { stroke: '#d93526', dash: [12, 4] },
    { stroke: '#8e44ad', dash: [] },
    { stroke: '#398712', dash: [6, 4] },
  ];
  const HOUR_S = 3600;
  const charts = new Map();
  let timer;

  /** Touches only what has changed, so that nobody loses a selection or a place. */
  function setText(element, text) {
    if (element && element.textContent !== text) element.textContent = text;
  }

  function setRows(body, rows) {
    while (body.rows.length > rows.length) body.deleteRow(-1);
    rows.forEach((cells, index) => {
      const row = body.rows[index] ?? body.insertRow();
      cells.forEach((text, column) => {
        if (!row.cells[column]) {
          const cell = document.createElement(column === 0 ? 'th' : 'td');
          if (column === 0) cell.scope = 'row';
          row.append(cell);
        }
        setText(row.cells[column], text);
      });
    });
  }

  function setAlerts(alerts) {
    const list = document.getElementById('alerts');
    if ([...list.children].map((item) => item.textContent).join('\n') === alerts.join('\n')) return;
    list.replaceChildren(
      ...alerts.map((text) => {
        const item = document.createElement('li');
        item.textContent = text;
        return item;
      }),
    );
  }

  /** In UTC, as all times of the console. */
  function clock(seconds) {
    return seconds == null ? '–' : new Date(seconds * 1000).toISOString().slice(11, 19);
  }

  function draw(times, { key, unit, labels, values }) {
    const place = root.querySelector(`[data-chart="${key}"]`);
    const data = [times, ...values];
    const known = charts.get(key);
    if (known) {
      known.setData(data);
      return;
    }
    const color = getComputedStyle(root).color;
    const axis = { stroke: color, grid: { stroke: '#8884', width: 1 }, ticks: { stroke: '#8884', width: 1 } };
    const series = labels.map((label, index) => ({
      ...LINES[index],
      label,
      width: 2,
      value: (_chart, value) => (value == null ? '–' : `${value} ${unit}`),
    }));
    charts.set(
      key,
      new uPlot(
        {
          width: place.clientWidth,
          height: CHART_HEIGHT,
          cursor: { drag: { x: false, y: false } },
          scales: {
            x: { range: (_chart, _min, max) => [(max ?? Date.now() / 1000) - HOUR_S, max ?? Date.now() / 1000] },
            y: { range: (_chart, _min, max) => [0, Math.max(max ?? 0, 1)] },
          },
          series: [{ label: 'UTC', value: (_chart, seconds) => clock(seconds) }, ...series],
          axes: [
            { ...axis, values: (_chart, splits) => splits.map((seconds) => clock(seconds).slice(0, 5)) },
            { ...axis, size: 60 },
          ],
        },
        data,
        place,
      ),
    );
  }

  function show(view) {
    setText(document.getElementById('as-of'), view.asOf);
    setText(document.getElementById('stale'), '');
    setAlerts(view.alerts);
    for (const { key, text } of view.tiles) setText(root.querySelector(`[data-tile="${key}"]`), text);
    setRows(document.getElementById('partitions'), view.partitions);
    setRows(document.getElementById('processes'), view.processes);
    for (const chart of view.charts) draw(view.times, chart);
  }

  async function poll() {
    clearTimeout(timer);
    if (document.hidden) return;
    let pauseMs = pollMs;
    try {
      const response = await fetch('/ops/figures', {
        headers: { Accept: 'application/json' },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status === 401 || response.status === 403) {
        location.reload();
        return;
      }
      if (!response.ok) throw new Error(String(response.status));
      show(await response.json());
    } catch {
      setText(document.getElementById('stale'), 'These figures are old: the service does not answer. Trying again.');
      pauseMs = pollMs * SLOWER;
    }
    clearTimeout(timer);
    timer = setTimeout(poll, pauseMs);
  }

  document.addEventListener('visibilitychange', poll);
  addEventListener('resize', () => {
    for (const [key, chart] of charts) {
      const place = root.querySelector(`[data-chart="${key}"]`);
      chart.setSize({ width: place.clientWidth, height: CHART_HEIGHT });
    }
  });
  void poll();
})();
