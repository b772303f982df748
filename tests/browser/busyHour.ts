/**
 * An hour that never was: what an API and a worker process would have told of themselves with some hundreds of payments
 * a second, written as they write it. No test waits an hour for charts that have something to show.
 */
import { CATALOGUE } from '../../shared/telemetry/catalogue.ts';
import { seriesKey } from '../../shared/telemetry/sample.ts';
import type { HistogramFigures, SampleRole, Totals } from '../../shared/telemetry/sample.ts';
import { query } from '../support/inspect.ts';

const STEP_S = 15;
const STEPS = 238;
const OBSERVATIONS = 40;

export async function writeBusyHour(databaseUrl: string): Promise<void> {
  const rows = hour();
  await query(
    databaseUrl,
    `INSERT INTO sample (at, process, role, totals)
     SELECT clock_timestamp() - ago * interval '1 second', role || '-1', role, totals
     FROM unnest($1::int[], $2::text[], $3::jsonb[]) AS t(ago, role, totals)`,
    [rows.map(({ agoS }) => agoS), rows.map(({ role }) => role), rows.map(({ totals }) => JSON.stringify(totals))],
  );
}

function hour(): { agoS: number; role: SampleRole; totals: Totals }[] {
  const counted = { applied: 0, rejected: 0 };
  const apply = histogram('saldo_apply_duration_seconds');
  const wait = histogram('saldo_command_wait_seconds');
  const envelope = histogram('saldo_envelope_commands');
  return Array.from({ length: STEPS }, (_, step) => {
    const load = loadAt(step);
    const perSecond = 900 * load;
    counted.applied += perSecond * STEP_S;
    counted.rejected += perSecond * STEP_S * 0.02 * wobble(step);
    for (let i = 0; i < OBSERVATIONS; i++) {
      const spread = 0.5 + 3 * wobble(step * OBSERVATIONS + i) ** 6;
      observe(apply, (0.003 + 0.006 * load) * spread);
      observe(wait, (0.006 + 0.014 * load) * spread);
      observe(envelope, 1 + 30 * load * spread);
    }
    const shared = { agoS: (STEPS - step + 1) * STEP_S };
    const worker = {
      [seriesKey('saldo_operations_total', { outcome: 'applied' })]: counted.applied,
      [seriesKey('saldo_operations_total', { outcome: 'insufficient_funds' })]: counted.rejected,
    };
    const fleet = {
      [seriesKey('saldo_queue_jobs', { partition: 0, state: 'waiting' })]: Math.round(6 * load * wobble(step)),
      [seriesKey('saldo_queue_oldest_age_seconds', { partition: 0 })]: 0.05 * load * wobble(step + 1),
      saldo_pending_operations: 0,
    };
    return [
      {
        ...shared,
        role: 'worker' as const,
        totals: copy({ figures: worker, histograms: { [apply.key]: apply.figures } }),
      },
      {
        ...shared,
        role: 'api' as const,
        totals: copy({ figures: fleet, histograms: { [wait.key]: wait.figures, [envelope.key]: envelope.figures } }),
      },
    ];
  }).flat();
}

/** Between 0 and 1: two slow waves, and a lunch break. */
function loadAt(step: number): number {
  const waves = 0.55 + 0.3 * Math.sin(step / 23) + 0.1 * Math.sin(step / 5);
  return (step > 120 && step < 140 ? 0.3 : 1) * Math.max(0.05, waves) * (0.9 + 0.1 * wobble(step));
}

/** Between 0 and 1, without a pattern to be seen, and the same in every run. */
function wobble(seed: number): number {
  const value = Math.sin(seed * 12.9898) * 43758.5453;
  return value - Math.floor(value);
}

function histogram(key: 'saldo_apply_duration_seconds' | 'saldo_command_wait_seconds' | 'saldo_envelope_commands') {
  const bounds = [...CATALOGUE[key].buckets];
  const figures: HistogramFigures = { bounds, counts: bounds.map(() => 0).concat(0), sum: 0, count: 0 };
  return { key, figures };
}

function observe({ figures }: { figures: HistogramFigures }, value: number): void {
  const place = figures.bounds.findIndex((bound) => value <= bound);
  const index = place === -1 ? figures.bounds.length : place;
  figures.counts[index] = (figures.counts[index] ?? 0) + 1;
  figures.sum += value;
  figures.count += 1;
}

function copy(totals: Totals): Totals {
  return structuredClone(totals);
}
