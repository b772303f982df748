/**
 * What processes take while something is measured: processor time, of a server with all its children, and resident
 * memory. Read from /proc; `ps` stands in where there is none.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { cpuMs } from '../tests/support/cpu.ts';
import { childrenOf } from '../tests/support/processTree.ts';
import { median } from './report/stats.ts';

export interface Usage {
  /** Processor time over time: 1 is one core, all the time. */
  cores: number;
  /** Resident, in megabytes (10⁶ bytes). */
  memoryMb: { median: number; peak: number };
}

export interface Monitor {
  /** Also a process that starts later, or ends before the others. */
  add: (name: string, pid: number) => void;
  stop: () => Promise<Record<string, Usage>>;
}

interface Watched {
  pid: number;
  first: { atMs: number; cpuMs: number } | undefined;
  last: { atMs: number; cpuMs: number } | undefined;
  memoryMb: number[];
}

/** Where every look starts a program, looks are rare. */
const EVERY_MS = process.platform === 'linux' ? 200 : 1_000;

/** `trees` are counted with their children: a server's work is done by those. */
export function startMonitor(pids: Record<string, number>, trees: readonly string[]): Monitor {
  const watched = new Map<string, Watched>();
  const look = async () => {
    await Promise.all([...watched].map(([name, each]) => lookAt(each, trees.includes(name))));
  };
  let looking = Promise.resolve();
  const lookAgain = () => {
    looking = looking.then(look);
  };
  const add: Monitor['add'] = (name, pid) => {
    watched.set(name, { pid, first: undefined, last: undefined, memoryMb: [] });
    lookAgain();
  };
  for (const [name, pid] of Object.entries(pids)) add(name, pid);
  const timer = setInterval(lookAgain, EVERY_MS);
  return {
    add,
    async stop() {
      clearInterval(timer);
      lookAgain();
      await looking;
      return Object.fromEntries([...watched].map(([name, each]) => [name, toUsage(each)]));
    },
  };
}

async function lookAt(watched: Watched, isTree: boolean): Promise<void> {
  const memoryMb = await residentMb(watched.pid);
  // It has ended: what was seen last is what is known.
  if (memoryMb === undefined) return;
  const cpu = await (isTree ? treeCpuMs(watched.pid) : cpuMs(watched.pid)).catch(() => undefined);
  if (cpu === undefined) return;
  watched.last = { atMs: performance.now(), cpuMs: cpu };
  watched.first ??= watched.last;
  watched.memoryMb.push(memoryMb);
}

async function treeCpuMs(pid: number): Promise<number> {
  const pids = [pid, ...(await childrenOf(pid)).map((child) => child.pid)];
  const times = await Promise.all([endedChildrenCpuMs(pid), ...pids.map((each) => cpuMs(each).catch(() => 0))]);
  return times.reduce((sum, each) => sum + each, 0);
}

const TICKS_PER_SECOND = 100;

/** Of children that have ended and been waited for. Where there is no /proc, they are lost from the figure. */
async function endedChildrenCpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return 0;
  // proc(5): after the name in brackets, their user and system time are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[13]) + Number(fields[14])) * 1000) / TICKS_PER_SECOND;
}

/** Undefined when there is no such process any more. */
async function residentMb(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
  if (status !== undefined) return toMb(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  if (process.platform === 'linux') return undefined;
  return promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]).then(
    ({ stdout }) => toMb(stdout.trim()),
    () => undefined,
  );
}

function toMb(kibibytes: string | undefined): number | undefined {
  return kibibytes === undefined || kibibytes === '' ? undefined : (Number(kibibytes) * 1024) / 1e6;
}

function toUsage({ first, last, memoryMb }: Watched): Usage {
  const elapsedMs = first && last ? last.atMs - first.atMs : 0;
  const cores = first && last && elapsedMs > 0 ? (last.cpuMs - first.cpuMs) / elapsedMs : 0;
  return { cores, memoryMb: { median: median(memoryMb), peak: Math.max(0, ...memoryMb) } };
}
