/** Who is whose child on this machine: from /proc where there is one, from ps elsewhere. */
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface ProcessEntry {
  pid: number;
  parent: number;
  command: string;
}

export async function childrenOf(pid: number): Promise<ProcessEntry[]> {
  const all = process.platform === 'linux' ? await fromProc() : await fromPs();
  return all.filter((entry) => entry.parent === pid);
}

async function fromProc(): Promise<ProcessEntry[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const entries = await Promise.all(
    pids.map(async (name) => {
      try {
        const [stat, command] = await Promise.all(
          ['stat', 'cmdline'].map((file) => readFile(`/proc/${name}/${file}`, 'utf8')),
        );
        // proc(5): after the name in parentheses come the state and the parent.
        const parent = Number((stat ?? '').replace(/^.*\) /s, '').split(' ')[1]);
        return [{ pid: Number(name), parent, command: (command ?? '').replaceAll('\0', ' ') }];
      } catch {
        // It ended while we looked.
        return [];
      }
    }),
  );
  return entries.flat();
}

async function fromPs(): Promise<ProcessEntry[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,command=']);
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command: command ?? '' }];
  });
}
