// Owns the list of what worker:chaos does to a worker.
import { runCancelMatrix } from "./cancel-matrix.ts";
import { runCycles } from "./cycles.ts";
import { runEngineFaults } from "./engine-faults.ts";
import { runHiveOutages } from "./hive-outages.ts";
import { runLeaving } from "./leaving.ts";
import { runOverload } from "./overload.ts";
import { runRealModel } from "./real-model.ts";
import { runResume } from "./resume.ts";
import { runSlowReaders } from "./slow-reader.ts";
import type { Stage } from "./stage.ts";
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
  { name: "leaving", title: "Workers that leave", run: runLeaving },
  { name: "slow", title: "Readers that do not read", run: runSlowReaders },
  { name: "hive", title: "Hives that fail", run: runHiveOutages },
  { name: "model", title: "The embedded model", run: runRealModel },
];
