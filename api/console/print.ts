/** How the console writes figures down: for people who compare them, so always in the same unit and with its name. */
import { printerFor } from '../html/printAmount.ts';

const NOTHING = '–';

/** `2026-11-22 21:45:07`, in UTC. */
export function printTime(at: Date): string {
  return at.toISOString().slice(0, 19).replace('T', ' ');
}

/** `1 234.50 RUB`, which no line breaks. */
export function printMoney(amountMinor: bigint, currency: string): string {
  return `${printerFor(currency)(amountMinor)}\u00a0${currency}`;
}

/** `1,234`, or with so many decimals; a dash for what is not known. */
export function printNumber(value: number | null | undefined, decimals = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOTHING;
  return value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** `850 ms`, `12.3 s`, `4 min`, `2.5 h`. */
export function printDuration(durationMs: number | null | undefined): string {
  if (durationMs === null || durationMs === undefined || !Number.isFinite(durationMs)) return NOTHING;
  if (durationMs < 1_000) return `${printNumber(durationMs)} ms`;
  if (durationMs < 60_000) return `${printNumber(durationMs / 1_000, 1)} s`;
  if (durationMs < 3_600_000) return `${printNumber(durationMs / 60_000)} min`;
  return `${printNumber(durationMs / 3_600_000, 1)} h`;
}
