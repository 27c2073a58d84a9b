// Owns the last question of a run: is any process of ours alive, is any port of ours still bound?
import { listPortsOf } from "@waggle/daemon/ports";
import { killProcess } from "./process-group.ts";
import { familyOf, listProcesses, sameProcess, type ProcessEntry } from "./processes.ts";
import { scaled } from "./machine-speed.ts";
import { poll } from "../wait.ts";

export interface Leftovers {
  readonly processes: readonly ProcessEntry[];
  /** Ports that were ours, and that one of these still holds: others may be given to anybody by now. */
  readonly ports: readonly number[];
}

export interface LeftoverCheck {
  /** Remembers who belongs to these groups now, and on which ports they listen. */
  observe(leaders: readonly number[]): Promise<void>;
  /** What is still there of all that was observed, and of the groups as they are now. */
  check(): Promise<Leftovers>;
}

/** A process that leaves may take this long to vanish from the table after its parent has exited. On a slow machine it takes longer. */
const graceMs = 1_000;

export function createLeftoverCheck(): LeftoverCheck {
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
      return poll("nothing to be left", nothing, scaled(graceMs)).catch(look);
    },
  };
}

/** Ends what is left. One line for each thing that was. */
export function endLeftovers({ processes, ports }: Leftovers): string[] {
  for (const { pid } of processes) killProcess(pid);
  return [
    ...processes.map(({ pid, command }) => `Process ${pid} did not leave and was killed: ${command}`),
    ...ports.map((port) => `Port ${port} is still bound`),
  ];
}
