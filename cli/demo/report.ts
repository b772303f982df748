/** What a demonstration came to, in lines for a person. */
import { printAmount } from '../../shared/ledger/money.ts';
import type { Tally } from './movements.ts';
import type { Phase, Played } from './play.ts';

const DIFFERING_SHOWN = 20;

export function reportLines(played: Played): string[] {
  const { signUps, deposits, transfers, currency, totalMinor, differing } = played;
  const verdict = isConsistent(played)
    ? 'every one holds exactly what the answers add up to'
    : `${differing.length} differ from what the answers add up to`;
  return [
    '',
    `people      ${rate(signUps)}`,
    ...phaseLines('deposits', deposits),
    ...phaseLines('transfers', transfers),
    `wallets     ${written(signUps.count)} with ${printAmount(totalMinor, currency)} ${currency} in all: ${verdict}`,
    ...differing
      .slice(0, DIFFERING_SHOWN)
      .map(({ walletId, expected, actual }) => `            wallet ${walletId}: ${expected} expected, ${actual} found`),
    '',
  ];
}

/** No wallet differs, and there is no movement of which nobody knows whether it happened. */
export function isConsistent({ differing, deposits, transfers }: Played): boolean {
  return differing.length === 0 && deposits.tally.settled.unknown + transfers.tally.settled.unknown === 0;
}

function phaseLines(label: string, phase: Phase & { tally: Tally }): string[] {
  const { settled, answers, latency } = phase.tally;
  const outcomes = `${written(settled.applied)} applied, ${written(settled.rejected)} rejected, ${written(settled.unknown)} unknown`;
  const counted = [...answers]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name}: ${written(count)}`);
  const at = (percentile: number): string => milliseconds(latency.percentile(percentile));
  return [
    `${label.padEnd(11)} ${rate(phase)}; ${outcomes}`,
    `  latency   p50 ${at(50)}, p90 ${at(90)}, p99 ${at(99)}, max ${milliseconds(latency.max)}, mean ${milliseconds(latency.mean)}`,
    `  answers   ${counted.join(', ')}`,
  ];
}

function rate({ count, tookMs }: Phase): string {
  return `${written(count)} in ${(tookMs / 1000).toFixed(2)} s, ${written(Math.round((count * 1000) / tookMs))} a second`;
}

function milliseconds(microseconds: number): string {
  return `${(microseconds / 1000).toFixed(1)} ms`;
}

function written(count: number): string {
  return count.toLocaleString('en');
}
