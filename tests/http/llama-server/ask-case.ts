// Owns the sending of a case to a server. Returns the leaves of the answer, streamed or whole.
import { parseSse } from "@waggle/protocol/sse";
import type { LlamaServerCase } from "./cases.ts";
import { leavesOf, type Leaves } from "./expectations.ts";

const answerTimeoutMs = 120_000;

/**
 * Returns the answer's leaves, and in addition the HTTP status as `status`, the number of the answer's fields as `fields`, and the answer's field
 * `status` as `status_word`. A stream gives `content` (all pieces joined), `frames` (their number), and the `first` and the `last` frame.
 */
export async function askCase(url: string, { method, path, body }: LlamaServerCase): Promise<Leaves> {
  const response = await fetch(`${url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    signal: AbortSignal.timeout(answerTimeoutMs),
  });
  const streamed = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const answer = streamed ? await framesOf(response) : await bodyOf(response);
  const leaves = new Map(leavesOf(answer));
  const word = leaves.get("status");
  if (word !== undefined) leaves.set("status_word", word);
  return leaves
    .set("status", response.status)
    .set("fields", typeof answer === "object" && answer !== null ? Object.keys(answer).length : 0);
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return { text };
  }
}

async function framesOf({ body }: Response): Promise<unknown> {
  const frames: Record<string, unknown>[] = [];
  if (body !== null)
    for await (const { data } of parseSse(body)) frames.push(JSON.parse(data) as Record<string, unknown>);
  const content = frames.map(({ content: piece }) => (typeof piece === "string" ? piece : "")).join("");
  return { content, frames: frames.length, first: frames[0], last: frames.at(-1) };
}
