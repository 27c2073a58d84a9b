// Checks the log of a simulation: the streams of a session do not overlap, and each stream that began has one end.
import type { Witness } from "./witness.ts";

export function checkSessionLog(
  lines: readonly Record<string, unknown>[],
  witnesses: readonly Witness[],
  fault: (message: string) => void,
): void {
  const byTrace = new Map(witnesses.map((witness) => [witness.job.spec.who.trace, witness]));
  /** The trace of the open stream of each session. */
  const open = new Map<string, string>();
  const ended = new Set<string>();
  for (const { msg, trace } of lines) {
    if (typeof trace !== "string") continue;
    const session = byTrace.get(trace)?.job.sessionKey ?? trace;
    if (msg === "stream_start") {
      const other = open.get(session);
      if (other !== undefined) fault(`the log has stream_start ${trace} while ${other} of the same session is open`);
      open.set(session, trace);
    }
    if (msg === "stream_end") {
      if (open.get(session) !== trace) fault(`the log has stream_end ${trace} without its stream_start`);
      if (ended.has(trace)) fault(`the log has stream_end ${trace} twice`);
      ended.add(trace);
      open.delete(session);
    }
  }
  for (const trace of open.values()) fault(`the log has no stream_end ${trace}`);
  for (const { job, number, ran } of witnesses) {
    if (ran !== ended.has(job.spec.who.trace)) fault(`the log and job ${number} disagree about whether it ran`);
  }
}
