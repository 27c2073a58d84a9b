// Owns a client that reads a job to its end at several gateways in turn, and reports what was wrong.
import { createHash } from "node:crypto";
import { sleep } from "@waggle/async";
import { isToken, errorText, openStream, RefusedError, stopwatch } from "@waggle/testing/harness";
import { messagesOf, type Wanted } from "./ask.ts";

/** Statuses that the client retries: a gateway may be full, or may have just started. */
const retryable: ReadonlySet<number> = new Set([429, 503]);
const pauseMs = 250;
/** Time limit for reading one job to its end. */
const limitMs = 300_000;

export interface SharedJob extends Wanted {
  readonly id: string;
  /** The text of an undisturbed worker. */
  readonly text: string;
}

export function bodyOf(
  { id, prompt, maxTokens, picture }: SharedJob,
  onDisconnect: "cancel" | "continue" = "cancel",
): object {
  const asked = picture === undefined ? { prompt } : { messages: messagesOf(prompt, picture) };
  return { job_id: id, ...asked, max_tokens: maxTokens, temperature: 0, seed: 1, on_disconnect: onDisconnect };
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
 * Reads the job to its end.
 * @param urlOf the gateway of each attempt, counted from 0
 * @param onTokens called after each token, with the number of tokens so far
 * @returns problems; empty if the text is that of an undisturbed worker and the receipt matches
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
  let last = "there was no attempt";
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
      last = errorText(error);
      if (error instanceof RefusedError && !retryable.has(error.status)) return [...problems, last];
    }
    await sleep(pauseMs);
  }
  return [...problems, `it did not end in time: ${last}`];
}

function endProblems(
  job: SharedJob,
  text: string,
  end: { readonly finish_reason: string; readonly receipt?: { readonly text_sha256: string } | undefined },
): readonly string[] {
  if (end.finish_reason !== "length") return [`it ended as ${end.finish_reason}`];
  if (text !== job.text) return ["its text differs from the undisturbed one"];
  const digest = createHash("sha256").update(text).digest("hex");
  return end.receipt?.text_sha256 === digest ? [] : ["its receipt does not match its text"];
}
