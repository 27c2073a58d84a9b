// Checks the unloads in a worker's log: each has an allowed reason, and none happened with running jobs. Pure.
import { timeBetween, type LogLine } from "@waggle/testing/harness";

export interface UnloadAudit {
  /** Number of unloads by model. */
  readonly unloads: ReadonlyMap<string, number>;
  /** Unloads that began while the model had jobs. */
  readonly busy: number;
  readonly failures: readonly string[];
}

/** A busy model stays loaded for 5 s before another model replaces it. The log's clock may differ from the worker's by 50 ms. */
const leastStayMs = 5_000 - 50;

/** @param allowed allowed reasons */
export function auditUnloads(lines: readonly LogLine[], allowed: readonly string[]): UnloadAudit {
  const running = new Map<string, Set<unknown>>();
  const readyLines = new Map<string, LogLine>();
  const reasons = new Map<string, string>();
  const unloads = new Map<string, number>();
  const failures: string[] = [];
  let busy = 0;
  const jobsOf = (model: string): Set<unknown> => {
    const jobs = running.get(model) ?? new Set();
    running.set(model, jobs);
    return jobs;
  };

  for (const line of lines) {
    const { msg, job, from, to } = line;
    const model = String(line["model"]);
    if (msg === "stream_start") jobsOf(model).add(job);
    else if (msg === "stream_end" || msg === "stream_cancelled") jobsOf(model).delete(job);
    else if (msg === "model_unload") {
      const reason = String(line["reason"]);
      reasons.set(model, reason);
      if (jobsIn(line) > 0) busy += 1;
      unloads.set(model, (unloads.get(model) ?? 0) + 1);
      const wrong = allowed.includes(reason)
        ? wrongIn(line, readyLines.get(model))
        : `for the reason ${reason}, which is not allowed`;
      if (wrong !== undefined) failures.push(`${model} was unloaded ${wrong}`);
    } else if (msg === "model_state" && from === "waiting" && to === "unloading") {
      // A waiting model holds no memory yet, so this is not counted as an unload.
      reasons.set(model, "waiting");
    } else if (msg === "model_state" && to === "ready") {
      readyLines.set(model, line);
    } else if (msg === "model_state" && from === "unloading" && to === "unloaded") {
      const reason = reasons.get(model);
      reasons.delete(model);
      if (reason === undefined) failures.push(`${model} was unloaded without a reason`);
      // After a swap, the running jobs belong to the new file.
      const left = reason === "replaced" ? 0 : jobsOf(model).size;
      if (left > 0) failures.push(`${model} was unloaded with ${left} running jobs`);
    }
  }
  return { unloads, busy, failures };
}

/** @returns how an unload breaks the policy; undefined if it does not */
function wrongIn(unload: LogLine, ready: LogLine | undefined): string | undefined {
  const jobs = jobsIn(unload);
  if (unload["reason"] === "replaced") return jobs === 0 ? undefined : `as replaced with ${jobs} jobs`;
  if (unload["reason"] !== "memory") return undefined;
  if (unload["for"] === undefined || unload["for"] === unload["model"]) return "for no other model";
  const stayedMs = timeBetween(ready, unload);
  return jobs === 0 || stayedMs >= leastStayMs ? undefined : `with ${jobs} jobs after ${stayedMs} ms`;
}

const jobsIn = (unload: LogLine): number => Number(unload["jobs"]) + Number(unload["waiting"]);

/** The last engine of each model: in the log, an engine's start follows the line in which its model begins to load. */
export function enginesOf(lines: readonly LogLine[]): ReadonlyMap<string, number> {
  const engines = new Map<string, number>();
  lines.forEach((line, at) => {
    const before = lines[at - 1];
    if (line["msg"] !== "engine_start" || before?.["msg"] !== "model_state" || before["to"] !== "loading") return;
    engines.set(String(before["model"]), Number(line["engine_pid"]));
  });
  return engines;
}

/** Whether a log line reports an engine that died; no such line reports engines that the worker stops. */
export const isDeath = ({ event }: LogLine): boolean => event === "engine_died";
