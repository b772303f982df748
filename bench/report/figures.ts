/** Figures as a person reads them. */
import { spread } from './stats.ts';

/** Three digits tell; the rest is noise. */
export function written(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** `median (least–most)`. */
export function writtenSpread(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const { median, least, most } = spread(values);
  return `${written(median)} (${written(least)}–${written(most)})`;
}
