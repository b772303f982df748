/** The few figures that a handful of measurements comes to. */

export interface Spread {
  median: number;
  least: number;
  most: number;
}

/** 0 of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [below = 0, above = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (below + above) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/** Each value over the one beside it: what was measured in one round is compared within that round. */
export function ratios(values: readonly number[], over: readonly number[]): number[] {
  return values.flatMap((value, index) => {
    const other = over[index];
    return other === undefined || other === 0 ? [] : [value / other];
  });
}
