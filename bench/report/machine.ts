/** On what it was measured. Figures of another machine are other figures. */
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import type { Servers } from '../servers/servers.ts';
import { findPgbench } from '../targets/pgbench.ts';

export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  system: string;
  node: string;
  postgres: string;
  redis: string;
  pgbench: string;
  load: string;
}

export function describeMachine({ postgres, redis }: Servers, load: string): Machine {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? '',
    cores: cpus.length,
    memoryGb: Math.round(os.totalmem() / 1e9),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    postgres: postgres.version,
    redis: redis ? redisVersion() : 'none',
    pgbench: findPgbench()?.version ?? 'none',
    load,
  };
}

export function machineLine({ cpu, cores, memoryGb, system, node, postgres, redis, pgbench, load }: Machine): string {
  const servers = `Node ${node}, PostgreSQL ${postgres}, Redis ${redis}, ${pgbench}`;
  return `${cores} cores of ${cpu}, ${memoryGb} GB, ${system}; ${servers}; load from ${load}`;
}

function redisVersion(): string {
  const { stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  return /v=(\S+)/.exec(stdout)?.[1] ?? '';
}
