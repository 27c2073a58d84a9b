// Makes the failure of a job from an error.
import { WaggleError } from "@waggle/protocol";
import type { EngineEvent, JobFailure } from "../port/messages.ts";
import { failureOf } from "./prepare.ts";

/**
 * Returns what the client learns. An error other than a WaggleError is a defect of Waggle: the log gets it, and the client learns only what failed.
 * @param task completes "Cannot …"
 */
export function failJob(
  thrown: unknown,
  { jobId, task }: { readonly jobId?: string; readonly task: string },
  emit: (event: EngineEvent) => void,
): JobFailure {
  if (thrown instanceof WaggleError) return failureOf(thrown);
  const whose = jobId === undefined ? "" : ` of job ${jobId}`;
  emit({ type: "log", level: "error", message: `Cannot ${task}${whose}: ${String(thrown)}` });
  return { code: "engine_failed", message: `The engine could not ${task}.` };
}

export function thrownMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
