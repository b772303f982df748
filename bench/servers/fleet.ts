/** The targets of one bench, all up at the same time, and what each of them has claimed to have done. */
import type { Servers } from './servers.ts';
import { NotAvailable } from '../targets/target.ts';
import type { StartTarget, Target, TargetName } from '../targets/target.ts';

export interface Member {
  name: TargetName;
  target: Target;
  /** Movements of money that it has answered as done. */
  acknowledged: number;
}

export interface Fleet {
  members: readonly Member[];
  find: (name: TargetName) => Member | undefined;
  /** Why a target could not be started on this machine. */
  missing: ReadonlyMap<TargetName, string>;
  /** Ends all of them and rejects with what did not end well. Harmless the second time. */
  stop: () => Promise<void>;
}

export async function startFleet(
  names: readonly TargetName[],
  starters: Record<TargetName, StartTarget>,
  servers: Servers,
): Promise<Fleet> {
  const members: Member[] = [];
  const missing = new Map<TargetName, string>();
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    const ends = await Promise.allSettled(members.map(({ target }) => target.stop()));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  };
  try {
    for (const name of names) {
      try {
        members.push({ name, target: await starters[name](servers), acknowledged: 0 });
      } catch (error) {
        if (!(error instanceof NotAvailable)) throw error;
        missing.set(name, error.message);
      }
    }
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
  return { members, find: (name) => members.find((member) => member.name === name), missing, stop };
}
