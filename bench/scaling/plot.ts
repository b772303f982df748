/** Throughput over partitions, a line per number of workers and a panel per load, as SVG. */
import * as echarts from 'echarts';
import { median } from '../report/stats.ts';
import { countsOf, findResult } from './measure.ts';
import type { ScalingResult } from './measure.ts';

const WIDTH = 960;
const HEIGHT = 400;
const PANEL_WIDTH = 390;
/** Told apart by everybody, also in print (Okabe and Ito). */
const COLOURS = ['#0072B2', '#D55E00', '#009E73'];
const SYMBOLS = ['circle', 'rect', 'triangle'];

export function plotScaling(results: readonly ScalingResult[], delayMs: number): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  try {
    chart.setOption(optionOf(results, delayMs));
    return `${chart.renderToSVGString()}\n`;
  } finally {
    // Its timers would keep the process alive.
    chart.dispose();
  }
}

function optionOf(results: readonly ScalingResult[], delayMs: number): echarts.EChartsOption {
  const { loads, partitions, workers } = countsOf(results);
  const left = (at: number) => 70 + at * (PANEL_WIDTH + 80);
  return {
    animation: false,
    backgroundColor: '#fff',
    color: COLOURS,
    title: [
      { text: `${delayMs} ms of network between worker and PostgreSQL, each way`, left: 'center', top: 8 },
      ...loads.map((load, at) => ({
        text: load,
        ...{ left: left(at) + PANEL_WIDTH / 2, top: 62, textAlign: 'center' as const },
        textStyle: { fontSize: 13, fontWeight: 'normal' as const },
      })),
    ],
    legend: { top: 36, data: workers.map(nameOf) },
    grid: loads.map((_, at) => ({ left: left(at), top: 96, width: PANEL_WIDTH, bottom: 52 })),
    xAxis: loads.map((_, at) => ({
      ...{ gridIndex: at, type: 'category' as const, data: partitions.map(String) },
      ...{ name: 'partitions', nameLocation: 'middle' as const, nameGap: 30 },
    })),
    yAxis: loads.map((_, at) => ({ gridIndex: at, type: 'value' as const, min: 0, name: 'transfers a second' })),
    series: loads.flatMap((load, at) => {
      return workers.map((count, index) => ({
        ...{ type: 'line' as const, name: nameOf(count), xAxisIndex: at, yAxisIndex: at },
        ...{ symbol: SYMBOLS[index % SYMBOLS.length] ?? '', symbolSize: 8 },
        data: partitions.map((each) => rateOf(findResult(results, { load, partitions: each, workers: count }))),
      }));
    }),
  };
}

function nameOf(workers: number): string {
  return workers === 1 ? '1 worker' : `${workers} workers`;
}

/** The median of its rounds, or a gap. */
function rateOf(result: ScalingResult | undefined): number | undefined {
  return result && Math.round(median(result.measured.map(({ perSecond }) => perSecond)));
}
