/** What can go wrong, one kind each: whom it strikes, how long it lasts, how it is inflicted and how it is undone. */
import { ended } from './faultKind.ts';
import type { FaultKind } from './faultKind.ts';
import { PROCESS_FAULTS } from './processFaults.ts';
import type { Misbehaviour } from './proxy.ts';
import { STORE_FAULTS } from './storeFaults.ts';

const NET_MS = [1_000, 8_000] as const;
const SLOW_MS = 150;
const WAYS: readonly Misbehaviour[] = ['cut', 'delay', 'hold', 'blackhole', 'half'];

export const FAULT_KINDS: readonly FaultKind[] = [...PROCESS_FAULTS, ...STORE_FAULTS, ...WAYS.map(network)];

function network(how: Misbehaviour): FaultKind {
  return {
    name: `net-${how}`,
    durationMs: NET_MS,
    targets: ({ links }) => [...links.keys()],
    inflict({ links }, target) {
      const link = links.get(target);
      if (!link) throw new Error(`no link ${target}`);
      link.misbehave(how, SLOW_MS);
      return ended(() => link.heal());
    },
  };
}
