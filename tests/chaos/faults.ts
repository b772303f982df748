/** What can go wrong, one kind each: whom it strikes, how long it lasts, how it is inflicted and how it is undone. */
import { ended } from './faultKind.ts';
import type { FaultKind } from './faultKind.ts';
import { PROCESS_FAULTS } from './processFaults.ts';
import type { Misbehaviour } from './proxy.ts';
import { STORE_FAULTS } from './storeFaults.ts';
import type { System } from './system.ts';

const NET_MS = [1_000, 8_000] as const;
const SLOW_MS = 150;
const WAYS: readonly Misbehaviour[] = ['cut', 'delay', 'hold', 'blackhole', 'half'];

/** Nothing ends this fault but whoever has the connections: so much, and what every fault is excused for after its end. */
const FOUND_OUT_MS = 10_000;

const halfOpen: FaultKind = {
  name: 'half-open',
  durationMs: [FOUND_OUT_MS, FOUND_OUT_MS],
  // Those of our own processes: a client's is the client's to find out.
  targets: ({ links }) => [...links.keys()].filter((name) => !name.startsWith('clients-')),
  inflict: ({ links }, target) => misbehave(links, target, 'swallow'),
};

export const FAULT_KINDS: readonly FaultKind[] = [...PROCESS_FAULTS, ...STORE_FAULTS, ...WAYS.map(network), halfOpen];

function network(how: Misbehaviour): FaultKind {
  return {
    name: `net-${how}`,
    durationMs: NET_MS,
    targets: ({ links }) => [...links.keys()],
    inflict: ({ links }, target) => misbehave(links, target, how),
  };
}

function misbehave(links: System['links'], target: string, how: Misbehaviour): Promise<() => Promise<void>> {
  const link = links.get(target);
  if (!link) throw new Error(`no link ${target}`);
  link.misbehave(how, SLOW_MS);
  return ended(() => link.heal());
}
