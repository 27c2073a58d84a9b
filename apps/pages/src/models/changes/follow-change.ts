// Owns following a change of a model to its end: reads its progress, then the model's name or a problem.
import type { ModelEvent } from "@waggle/protocol";
import type { Api } from "../../wire/api.ts";
import { readFrames } from "@waggle/client/following";
import { responseProblem, type Problem } from "../../wire/problem.ts";
import type { ModelProgress } from "../model-words.ts";

export interface FollowChangeOptions {
  readonly api: Api;
  readonly path: string;
  readonly body: object;
  /** Time limit until the stream begins. */
  readonly responseTimeoutMs: number;
  readonly tell: (progress: ModelProgress) => void;
}

const brokenOff: Problem = {
  code: "unreachable",
  message: "The worker closed the progress stream without a result.",
};

/**
 * @returns the model's name when the change is done, or a problem; also for a stream that closes early
 * @throws the request's error
 */
export async function followChange(options: FollowChangeOptions): Promise<string | Problem> {
  const { api, path, body, responseTimeoutMs, tell } = options;
  const connection = new AbortController();
  try {
    const response = await api.request(path, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify(body),
      signal: connection.signal,
      responseTimeoutMs,
    });
    return response.ok ? await readToEnd(response, connection, tell) : await responseProblem(response);
  } finally {
    connection.abort();
  }
}

async function readToEnd(
  response: Response,
  connection: AbortController,
  tell: (progress: ModelProgress) => void,
): Promise<string | Problem> {
  try {
    for await (const frame of readFrames(response, connection)) {
      const event = frame as ModelEvent;
      if (event.type === "progress") tell(event);
      else if (event.type === "done") return event.model.name;
      else return { code: event.code, message: event.message };
    }
  } catch {
    // A broken stream counts as a stream without a result.
  }
  return brokenOff;
}
