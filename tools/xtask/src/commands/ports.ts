// Owns the command ports: who listens where, and freeing what xtask itself started. It never touches anybody else's process.
import { familyOf, killGroup, listProcesses, startedBy, type ProcessEntry, type StartedGroup } from "@waggle/harness";
import { findPortHolder, listPortsOf } from "@waggle/ports";
import type { Command } from "commander";
import { integerOf, mostPort } from "../lib/options.ts";

interface Row {
  /** Undefined for a group that listens nowhere. */
  readonly port: number | undefined;
  readonly pid: number;
  readonly holder: string;
  /** Of the group, where xtask started it. */
  readonly leader?: number;
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
  const ours = (await Promise.all(startedBy("xtask", table).map((group) => rowsOf(group, table)))).flat();
  const rows = wanted.length === 0 ? ours : (await Promise.all(wanted.map((port) => holderOf(port, ours)))).flat();
  const nothing = wanted.length === 0 ? "xtask has started nothing that still runs." : "Nobody listens there.";
  if (rows.length === 0) process.stdout.write(`${nothing}\n`);
  else if (free) freeRows(rows);
  else print(rows);
}

async function rowsOf(group: StartedGroup, table: readonly ProcessEntry[]): Promise<Row[]> {
  const { leader } = group;
  const ours = { holder: `${group.name} of xtask ${group.ownerPid}`, leader };
  const members = familyOf(table, [leader]);
  const bound = await Promise.all(
    members.map(async ({ pid }) => (await listPortsOf([pid])).map((port) => ({ port, pid, ...ours }))),
  );
  const rows = bound.flat();
  return rows.length > 0 ? rows : [{ port: undefined, pid: leader, ...ours }];
}

async function holderOf(port: number, ours: readonly Row[]): Promise<Row[]> {
  const mine = ours.find((row) => row.port === port);
  if (mine !== undefined) return [mine];
  const holder = await findPortHolder(port);
  return holder === undefined ? [] : [{ port, pid: holder.pid, holder: holder.command.slice(0, commandWidth) }];
}

function freeRows(rows: readonly Row[]): void {
  const groups = new Map(
    rows.flatMap(({ leader, holder }) => (leader === undefined ? [] : [[leader, holder] as const])),
  );
  for (const [leader, holder] of groups) {
    killGroup(leader);
    process.stdout.write(`ended process group ${leader} (${holder})\n`);
  }
  for (const { port, pid } of rows.filter(({ leader }) => leader === undefined)) {
    process.stdout.write(`left alone: port ${port} is held by process ${pid}, which xtask did not start\n`);
    process.exitCode = 1;
  }
}

function print(rows: readonly Row[]): void {
  process.stdout.write(`${"port".padEnd(8)}${"pid".padEnd(10)}held by\n`);
  for (const { port, pid, holder } of rows) {
    process.stdout.write(`${String(port ?? "-").padEnd(8)}${String(pid).padEnd(10)}${holder}\n`);
  }
}
