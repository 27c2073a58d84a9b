// Owns the check at the end of a run that all of its processes have exited and that its ports are free.
import { listPortsOf } from "@waggle/daemon/ports";
import { killProcess } from "./process-group.ts";
import { familyOf, listProcesses, sameProcess, type ProcessEntry } from "./processes.ts";
import { poll } from "../wait.ts";

export interface Leftovers {
  readonly processes: readonly ProcessEntry[];
  /** Observed ports that these processes still hold. A port without such a process may belong to another program by now. */
  readonly ports: readonly number[];
}

export interface LeftoverCheck {
  /** Records the present members of these groups, and the ports on which they listen. */
  observe(leaders: readonly number[]): Promise<void>;
  /** Waits at most the grace time for the end of all observed processes and of all members of the groups. Resolves with what remains. */
  check(): Promise<Leftovers>;
}

/** How long a process may stay in the process table after its parent's exit. */
const usualGraceMs = 60_000;

export function createLeftoverCheck(graceMs: number = usualGraceMs): LeftoverCheck {
  const leaders = new Set<number>();
  const observed: ProcessEntry[] = [];
  const ports = new Set<number>();

  async function look(): Promise<Leftovers> {
    const table = await listProcesses();
    const alive = table.filter(
      (entry) => leaders.has(entry.groupId) || observed.some((seen) => sameProcess(seen, entry)),
    );
    const bound = await listPortsOf(alive.map(({ pid }) => pid));
    return { processes: alive, ports: bound.filter((port) => ports.has(port)) };
  }

  return {
    async observe(groupLeaders) {
      for (const leader of groupLeaders) leaders.add(leader);
      const family = familyOf(await listProcesses(), groupLeaders);
      observed.push(...family.filter((entry) => !observed.some((seen) => sameProcess(seen, entry))));
      for (const port of await listPortsOf(family.map(({ pid }) => pid))) ports.add(port);
    },
    async check() {
      const nothing = async (): Promise<Leftovers | false> => {
        const left = await look();
        return left.processes.length + left.ports.length === 0 && left;
      };
      return poll("nothing to be left", nothing, graceMs).catch(look);
    },
  };
}

/** Kills the processes. Returns a line for each leftover. */
export function endLeftovers({ processes, ports }: Leftovers): string[] {
  for (const { pid } of processes) killProcess(pid);
  return [
    ...processes.map(({ pid, command }) => `Process ${pid} did not leave and was killed: ${command}`),
    ...ports.map((port) => `Port ${port} is still bound`),
  ];
}
