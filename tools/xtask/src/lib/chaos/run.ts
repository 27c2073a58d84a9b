// Owns a run of worker:chaos: its groups one after the other, what they came to, and that nothing is left. The groups are a list.
import { killProcess } from "../process-group.ts";
import { chaosGroups, type ChaosGroup } from "./groups.ts";
import type { ChaosResult, GroupResult, Row, Table } from "./results.ts";
import { createReferences, createStage, type References, type StageOptions } from "./stage.ts";
import { stopwatch } from "./waits.ts";

export interface ChaosOptions extends StageOptions {
  /** Run these groups alone; all where there are none. */
  readonly only: readonly string[];
}

/** What somebody watching is shown. */
export interface ChaosReport {
  group(title: string): void;
  row(row: Row): void;
  result(result: ChaosResult): void;
}

/** Rejects only when it is interrupted; what does not hold is in the result. Leaves no process behind either way. */
export async function runChaos(options: ChaosOptions, report: ChaosReport): Promise<ChaosResult> {
  const elapsed = stopwatch();
  const groups: GroupResult[] = [];
  const references = createReferences(options);
  for (const group of chosen(options.only)) groups.push(await runGroup(group, { options, references, report }));

  options.groups.killAll();
  const left = await options.leftovers.check();
  for (const { pid } of left.processes) killProcess(pid);
  const failures = [
    ...groups.flatMap(({ name, rows }) =>
      rows.filter(({ ok }) => !ok).map((row) => `${name}: ${row.name}: ${row.details}`),
    ),
    ...left.processes.map(({ pid, command }) => `Process ${pid} did not leave: ${command}`),
    ...left.ports.map((port) => `Port ${port} is still bound`),
  ];
  const result: ChaosResult = {
    ok: failures.length === 0,
    seed: options.seed,
    long: options.long,
    failures,
    groups,
    processes_left: left.processes.length,
    ports_free: left.ports.length === 0,
    duration_ms: Math.round(elapsed()),
  };
  report.result(result);
  return result;
}

/** @throws Error for a name that no group has */
function chosen(only: readonly string[]): readonly ChaosGroup[] {
  const unknown = only.find((name) => !chaosGroups.some((group) => group.name === name));
  if (unknown !== undefined) {
    throw new Error(`Cannot run the group ${unknown}: there are ${chaosGroups.map(({ name }) => name).join(", ")}`);
  }
  return only.length === 0 ? chaosGroups : chaosGroups.filter(({ name }) => only.includes(name));
}

interface Surroundings {
  readonly options: ChaosOptions;
  readonly references: References;
  readonly report: ChaosReport;
}

async function runGroup(
  { name, title, run }: ChaosGroup,
  { options, references, report }: Surroundings,
): Promise<GroupResult> {
  report.group(title);
  const rows: Row[] = [];
  const tables: Table[] = [];
  const elapsed = stopwatch();
  const takeRow = (row: Row): void => {
    rows.push(row);
    report.row(row);
  };
  const stage = createStage(options, { name, references }, { row: takeRow, table: (table) => void tables.push(table) });
  try {
    await run(stage);
  } catch (error) {
    options.interrupted.throwIfAborted();
    const details = error instanceof Error ? error.message : String(error);
    takeRow({ name: "the group runs to its end", ok: false, details, numbers: {}, duration_ms: Math.round(elapsed()) });
  }
  return { name, title, ok: rows.every(({ ok }) => ok), rows, tables, duration_ms: Math.round(elapsed()) };
}
