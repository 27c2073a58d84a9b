// Owns a job that its client follows through the gateways of a fleet: it asks one after the other until it has the end, and says what was wrong.
import { createHash } from "node:crypto";
import { sleep } from "@waggle/async";
import { isToken, messageOf, openStream, RefusedError, stopwatch } from "@waggle/testing/harness";
import type { Wanted } from "./ask.ts";

/** What is tried again, where a gateway that took over is full or has just come. */
const retryable: ReadonlySet<number> = new Set([429, 503]);
const pauseMs = 250;
/** For one job, from its submission to its end. */
const limitMs = 300_000;

export interface SharedJob extends Wanted {
  readonly id: string;
  /** What an undisturbed worker says. */
  readonly text: string;
}

export function bodyOf({ id, prompt, maxTokens }: SharedJob, onDisconnect: "cancel" | "continue" = "cancel"): object {
  return { job_id: id, prompt, max_tokens: maxTokens, temperature: 0, seed: 1, on_disconnect: onDisconnect };
}

export async function submit(url: string, body: object): Promise<number> {
  const response = await fetch(`${url}/v1/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await response.body?.cancel();
  return response.status;
}

/**
 * Reads the job to its end, at the gateway that `urlOf` names for each attempt.
 * @param onTokens called with the number of tokens so far, after each one
 * @returns what is wrong: nothing where the text and its receipt are those of an undisturbed worker
 */
export async function follow(
  job: SharedJob,
  urlOf: (attempt: number) => string,
  onTokens: (count: number) => void = () => {},
): Promise<readonly string[]> {
  const since = stopwatch();
  const problems: string[] = [];
  let text = "";
  let tokens = 0;
  let last = "nothing was tried";
  for (let attempt = 0; since() < limitMs; attempt += 1) {
    try {
      const stream = await openStream({
        url: `${urlOf(attempt)}/v1/jobs/${job.id}/stream`,
        ...(tokens === 0 ? {} : { after: tokens - 1 }),
        onEvent: (event) => void (isToken(event) && onTokens((tokens += 1))),
      });
      const { how, reason } = await stream.over;
      text += stream.judge.text;
      problems.push(...stream.judge.problems);
      const { terminal } = stream.judge;
      if (how === "complete" && terminal?.type === "end") return [...problems, ...endProblems(job, text, terminal)];
      if (terminal?.type === "error") return [...problems, `it ended with ${terminal.code}: ${terminal.message}`];
      last = `the stream was ${how}: ${reason ?? ""}`;
    } catch (error) {
      last = messageOf(error);
      if (error instanceof RefusedError && !retryable.has(error.status)) return [...problems, last];
    }
    await sleep(pauseMs);
  }
  return [...problems, `it has not ended in time: ${last}`];
}

function endProblems(
  job: SharedJob,
  text: string,
  end: { readonly finish_reason: string; readonly receipt?: { readonly text_sha256: string } | undefined },
): readonly string[] {
  if (end.finish_reason !== "length") return [`it ended as ${end.finish_reason}`];
  if (text !== job.text) return ["its text is another one"];
  const digest = createHash("sha256").update(text).digest("hex");
  return end.receipt?.text_sha256 === digest ? [] : ["its receipt does not fit its text"];
}
