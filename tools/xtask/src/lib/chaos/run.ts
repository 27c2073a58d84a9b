// Owns a run of worker:chaos: which groups there are, one after the other, what they came to, and that nothing is left.
import { endLeftovers, messageOf, stopwatch } from "@waggle/harness";
import { namedOf } from "../options.ts";
import { runCancelMatrix } from "./cancel-matrix.ts";
import { runCycles } from "./cycles.ts";
import { runDialects } from "./dialects.ts";
import { runEngineFaults } from "./engine-faults.ts";
import { runEngineLoss } from "./engine-loss.ts";
import { runHiveOutages } from "./hive-outages.ts";
import { runLeaving } from "./leaving.ts";
import { runOverload } from "./overload.ts";
import { runRealModel } from "./real-model.ts";
import { runResume } from "./resume.ts";
import { runSlowReaders } from "./slow-reader.ts";
import { createStage, createUncutText, type Row, type Stage, type StageOptions, type UncutText } from "./stage.ts";
import { runSupersede } from "./supersede.ts";

export interface ChaosGroup {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  run(stage: Stage): Promise<void>;
}

export const chaosGroups: readonly ChaosGroup[] = [
  { name: "cancel", title: "Cancel: each phase by each route", run: runCancelMatrix },
  { name: "supersede", title: "Sessions: the new supersedes the old", run: runSupersede },
  { name: "cycles", title: "Clients that connect and go at random moments", run: runCycles },
  { name: "resume", title: "Streams cut and resumed", run: runResume },
  { name: "overload", title: "Ten times more requests than the queue holds", run: runOverload },
  { name: "engine", title: "Engines that die, hang and break", run: runEngineFaults },
  { name: "engine-loss", title: "Streams that outlive their engines", run: runEngineLoss },
  { name: "leaving", title: "Workers that leave", run: runLeaving },
  { name: "slow", title: "Readers that do not read", run: runSlowReaders },
  { name: "dialects", title: "Every dialect: each way in which an answer ends", run: runDialects },
  { name: "hive", title: "Hives that fail", run: runHiveOutages },
  { name: "model", title: "The embedded model", run: runRealModel },
];

export interface ChaosOptions extends StageOptions {
  /** Run these groups alone; all where there are none. */
  readonly only: readonly string[];
}

export interface GroupResult {
  readonly name: string;
  readonly title: string;
  readonly ok: boolean;
  readonly rows: readonly Row[];
  readonly duration_ms: number;
}

/** What `--json` prints. */
export interface ChaosResult {
  readonly ok: boolean;
  /** Gives the same chances again. */
  readonly seed: number;
  readonly long: boolean;
  /** One line for each row that is not ok, and for what is left behind. */
  readonly failures: readonly string[];
  readonly groups: readonly GroupResult[];
  readonly processes_left: number;
  readonly ports_free: boolean;
  readonly duration_ms: number;
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
  const uncutText = createUncutText(options);
  for (const group of namedOf("Cannot run the group", chaosGroups, options.only)) {
    groups.push(await runGroup(group, options, uncutText, report));
  }

  options.groups.killAll();
  const left = await options.leftovers.check();
  const failures = [
    ...groups.flatMap(({ name, rows }) =>
      rows.filter(({ ok }) => !ok).map((row) => `${name}: ${row.name}: ${row.details}`),
    ),
    ...endLeftovers(left),
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

async function runGroup(
  { name, title, run }: ChaosGroup,
  options: ChaosOptions,
  uncutText: UncutText,
  report: ChaosReport,
): Promise<GroupResult> {
  report.group(title);
  const rows: Row[] = [];
  const elapsed = stopwatch();
  const takeRow = (row: Row): void => {
    rows.push(row);
    report.row(row);
  };
  try {
    await run(createStage(options, name, uncutText, takeRow));
  } catch (error) {
    options.interrupted.throwIfAborted();
    const details = messageOf(error);
    takeRow({ name: "the group runs to its end", ok: false, details, numbers: {}, duration_ms: Math.round(elapsed()) });
  }
  return { name, title, ok: rows.every(({ ok }) => ok), rows, duration_ms: Math.round(elapsed()) };
}
