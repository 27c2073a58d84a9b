// Owns saying why the worker does not have an answer any more, from what it tells about itself.
import type { WorkerInfo } from "@waggle/protocol";
import type { Api } from "../wire/api.ts";
import { unreachable } from "../wire/problem.ts";
import type { Problem } from "../wire/problem.ts";
import { isEmpty } from "./answer.ts";
import type { Answer } from "./answer.ts";

type Lifetimes = Pick<WorkerInfo, "uptime_ms" | "answer_window_ms">;

/** Asks the worker. */
export async function whyGone(api: Api, answer: Answer): Promise<Problem> {
  try {
    const response = await api.request("/v1/info");
    if (!response.ok) return unreachable;
    return goneProblem(answer, (await response.json()) as Lifetimes, Date.now());
  } catch {
    return unreachable;
  }
}

/** @param now milliseconds since 1970 */
export function goneProblem(answer: Answer, { uptime_ms, answer_window_ms }: Lifetimes, now: number): Problem {
  const askedMs = now - (answer.jobSentAt ?? answer.sentAt);
  const rest = isEmpty(answer) ? "Nothing of it had arrived." : "What you see is what had arrived.";
  const minutes = Math.round(answer_window_ms / 60_000);
  if (answer.phase === "sending" && isEmpty(answer)) {
    return { code: "gone", message: "The message did not reach the worker." };
  }
  const why =
    uptime_ms < askedMs
      ? "The worker was restarted while it answered."
      : askedMs > answer_window_ms
        ? `The worker keeps an answer for ${minutes} ${minutes === 1 ? "minute" : "minutes"} after its end; this one is gone.`
        : "The worker's room for ended answers is full, and newer ones have taken the place of this one.";
  return { code: "gone", message: `${why} ${rest}` };
}
