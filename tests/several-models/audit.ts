// Owns what a worker's log says of its unloads: each has a reason that the policy knows, and none has ended with a job still running. Pure.
import { timeBetween, type LogLine } from "@waggle/testing/harness";

export interface UnloadAudit {
  /** How often each model was unloaded. */
  readonly unloads: ReadonlyMap<string, number>;
  /** How many of them began while the model had jobs. */
  readonly busy: number;
  readonly failures: readonly string[];
}

/** A busy model stays for so long before it leaves for another one; the log's clock and the worker's own may differ by a little. */
const leastStayMs = 5_000 - 50;

/** @param allowed the reasons that there may be */
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
      const wrong = allowed.includes(reason) ? wrongIn(line, readyLines.get(model)) : `for no good reason: ${reason}`;
      if (wrong !== undefined) failures.push(`${model} was unloaded ${wrong}`);
    } else if (msg === "model_state" && from === "waiting" && to === "unloading") {
      // It holds no memory yet.
      reasons.set(model, "waiting");
    } else if (msg === "model_state" && to === "ready") {
      readyLines.set(model, line);
    } else if (msg === "model_state" && from === "unloading" && to === "unloaded") {
      const reason = reasons.get(model);
      reasons.delete(model);
      if (reason === undefined) failures.push(`${model} was unloaded without a reason`);
      // Where its file was replaced, these are the other file's.
      const left = reason === "replaced" ? 0 : jobsOf(model).size;
      if (left > 0) failures.push(`${model} was unloaded with ${left} running jobs`);
    }
  }
  return { unloads, busy, failures };
}

/** What the policy does not allow. */
function wrongIn(unload: LogLine, ready: LogLine | undefined): string | undefined {
  const jobs = jobsIn(unload);
  if (unload["reason"] === "replaced") return jobs === 0 ? undefined : `as replaced with ${jobs} jobs`;
  if (unload["reason"] !== "memory") return undefined;
  if (unload["for"] === undefined || unload["for"] === unload["model"]) return "for no other model";
  const stayedMs = timeBetween(ready, unload);
  return jobs === 0 || stayedMs >= leastStayMs ? undefined : `with ${jobs} jobs after ${stayedMs} ms`;
}

const jobsIn = (unload: LogLine): number => Number(unload["jobs"]) + Number(unload["waiting"]);

/** The engine that has loaded each model last: the log tells of a start right after the state that led to it. */
export function enginesOf(lines: readonly LogLine[]): ReadonlyMap<string, number> {
  const engines = new Map<string, number>();
  lines.forEach((line, at) => {
    const before = lines[at - 1];
    if (line["msg"] !== "engine_start" || before?.["msg"] !== "model_state" || before["to"] !== "loading") return;
    engines.set(String(before["model"]), Number(line["engine_pid"]));
  });
  return engines;
}

/** Of an engine that left by itself. */
export const isDeath = ({ event }: LogLine): boolean => event === "engine_died";
