/** The order in which things take turns. */

/** From another place in every round, and every other time backwards, so that neighbours change as well. */
export function inTurn<T>(things: readonly T[], round: number, rounds: number): T[] {
  const start = Math.floor((round * things.length) / rounds);
  const turned = [...things.slice(start), ...things.slice(0, start)];
  return round % 2 === 0 ? turned : turned.reverse();
}
