// Owns the command ports: who listens where, and freeing what xtask itself started. It never touches anybody else's process.
import { familyOf, killGroup, listProcesses, startedBy, type ProcessEntry, type StartedGroup } from "@waggle/harness";
import { findPortHolder, listPortsOf } from "@waggle/ports";
import type { Command } from "commander";
import { integerOf, mostPort } from "../lib/options.ts";

interface Row {
  readonly port: number | undefined;
  readonly pid: number;
  readonly holder: string;
}

const commandWidth = 90;

export function addPorts(program: Command): void {
  program
    .command("ports")
    .description("who listens on the ports of what xtask started or, with ports given, who listens on those")
    .argument("[port...]", "look at these ports, whoever holds them")
    .option("--free", "end what xtask started; with ports given, only what of it holds one of them")
    .action(ports);
}

async function ports(given: readonly string[], { free }: { readonly free?: true }): Promise<void> {
  const wanted = given.map((port) => integerOf("port", port, 1, mostPort));
  const table = await listProcesses();
  const ours = await Promise.all(startedBy("xtask", table).map((group) => portsOf(group, table)));
  if (free) return freeGroups(ours, wanted);
  const rows = wanted.length === 0 ? ours.flatMap(({ rows }) => rows) : await holders(wanted, ours);
  print(rows, wanted.length === 0 ? "xtask has started nothing that still runs." : "Nobody listens there.");
}

interface OurGroup {
  readonly leader: number;
  readonly rows: readonly Row[];
}

async function portsOf({ leader, ownerPid, name }: StartedGroup, table: readonly ProcessEntry[]): Promise<OurGroup> {
  const holder = `${name} of xtask ${ownerPid}`;
  const rows = await Promise.all(
    familyOf(table, [leader]).map(async ({ pid }) =>
      (await listPortsOf([pid])).map((port): Row => ({ port, pid, holder })),
    ),
  );
  const bound = rows.flat();
  return { leader, rows: bound.length > 0 ? bound : [{ port: undefined, pid: leader, holder }] };
}

async function holders(wanted: readonly number[], ours: readonly OurGroup[]): Promise<Row[]> {
  const known = ours.flatMap(({ rows }) => rows);
  const found = await Promise.all(
    wanted.map(async (port): Promise<Row[]> => {
      const mine = known.find((row) => row.port === port);
      if (mine !== undefined) return [mine];
      const holder = await findPortHolder(port);
      return holder === undefined ? [] : [{ port, pid: holder.pid, holder: holder.command.slice(0, commandWidth) }];
    }),
  );
  return found.flat();
}

async function freeGroups(ours: readonly OurGroup[], wanted: readonly number[]): Promise<void> {
  const chosen = ours.filter(
    ({ rows }) => wanted.length === 0 || rows.some(({ port }) => port !== undefined && wanted.includes(port)),
  );
  for (const { leader, rows } of chosen) {
    killGroup(leader);
    process.stdout.write(`ended process group ${leader} (${rows[0]?.holder ?? ""})\n`);
  }
  const freed = chosen.flatMap(({ rows }) => rows.map(({ port }) => port));
  for (const port of wanted.filter((candidate) => !freed.includes(candidate))) {
    const holder = await findPortHolder(port);
    if (holder === undefined) continue;
    process.stdout.write(`left alone: port ${port} is held by process ${holder.pid}, which xtask did not start\n`);
    process.exitCode = 1;
  }
  if (chosen.length === 0 && wanted.length === 0) process.stdout.write("xtask has started nothing that still runs.\n");
}

function print(rows: readonly Row[], nothing: string): void {
  if (rows.length === 0) process.stdout.write(`${nothing}\n`);
  else process.stdout.write(`${"port".padEnd(8)}${"pid".padEnd(10)}held by\n`);
  for (const { port, pid, holder } of rows) {
    process.stdout.write(`${String(port ?? "-").padEnd(8)}${String(pid).padEnd(10)}${holder}\n`);
  }
}
