// Owns the reason why a worker lost a job, derived from the worker's uptime and from how long it keeps answers.
import type { WorkerInfo } from "@waggle/protocol";
import { formatDuration } from "../../parts/format.ts";
import { readJson, type Api } from "../../wire/api.ts";
import { unreachable, type Problem } from "../../wire/problem.ts";
import { isEmpty, type Answer } from "../conversation/answer.ts";

type Lifetimes = Pick<WorkerInfo, "uptime_ms" | "answer_window_ms">;

/** Requests the worker's uptime for the explanation. */
export async function explainLostJob(api: Api, answer: Answer): Promise<Problem> {
  const lifetimes = await readJson<Lifetimes>(api, "/v1/info");
  return lifetimes === undefined ? unreachable : lostJobProblem(answer, lifetimes, Date.now());
}

/** @param now milliseconds since 1970 */
export function lostJobProblem(answer: Answer, { uptime_ms, answer_window_ms }: Lifetimes, now: number): Problem {
  const askedMs = now - (answer.jobSentAt ?? answer.sentAt);
  const rest = isEmpty(answer) ? "Nothing of the answer arrived." : "The text shown is all that arrived.";
  if (answer.phase === "sending" && isEmpty(answer)) {
    return { code: "gone", message: "The message did not reach the worker." };
  }
  const why =
    uptime_ms < askedMs
      ? "The worker was restarted during the answer."
      : askedMs > answer_window_ms
        ? `The worker keeps an answer for ${formatDuration(answer_window_ms)} after its end, and that time is over.`
        : "The worker's memory for ended answers is full, so the worker dropped this answer.";
  return { code: "gone", message: `${why} ${rest}` };
}
