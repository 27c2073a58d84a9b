// Owns a cheap load: many posts over a few kept connections, each timed from its writing to the answer's headers.
import { Agent, request, type IncomingMessage } from "node:http";
import { DONE } from "@waggle/protocol";
import { parseSse } from "@waggle/sse";
import { coreWaitMs } from "./core-wait.ts";
import { stopwatch } from "./waits.ts";

export interface Answer {
  readonly status: number;
  /** Of a job that was accepted and whose stream is opened separately; else empty. */
  readonly jobId: string;
  readonly retryAfter: string | undefined;
  /** From the writing of the request to the arrival of the answer's headers. */
  readonly ms: number;
  /** As much of that as one of the two, the worker or we, spent waiting for a core: the one that waited longer, since both may at once. */
  readonly coreWaitMs: number;
  /** Where the answer itself is the stream: its text once that has ended; rejects when it did not end as it must. */
  readonly streamed: Promise<string> | undefined;
}

export interface Shot {
  readonly path: string;
  readonly body: object;
}

export interface Volley extends Disposable {
  /** Posts them all, in order, so many at a time. @throws Error when a connection fails */
  fire(shots: readonly Shot[]): Promise<readonly Answer[]>;
}

export interface VolleyOptions {
  readonly url: string;
  readonly workerPid: number;
  readonly inFlight: number;
}

export function createVolley(options: VolleyOptions): Volley {
  // Streams stay open for as long as their jobs wait and run, so their number is not limited.
  const agents = { brief: new Agent({ keepAlive: true, maxSockets: options.inFlight }), streaming: new Agent() };
  return {
    async fire(shots) {
      const answers: Answer[] = [];
      const waiting = shots.values();
      const lane = async (): Promise<void> => {
        // The lanes share the iterator: each takes the next one when it is free.
        for (const shot of waiting) answers.push(await post(options, agents, shot));
      };
      await Promise.all(Array.from({ length: options.inFlight }, lane));
      return answers;
    },
    [Symbol.dispose]() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

export const streamPath = "/v1/inference";

interface Agents {
  readonly brief: Agent;
  readonly streaming: Agent;
}

function post({ url, workerPid }: VolleyOptions, agents: Agents, { path, body }: Shot): Promise<Answer> {
  const waited = (): readonly number[] => [coreWaitMs(workerPid), coreWaitMs(process.pid)];
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  const agent = path === streamPath ? agents.streaming : agents.brief;
  return new Promise((resolve, reject) => {
    const waitedBefore = waited();
    const elapsed = stopwatch();
    const outgoing = request(url + path, { method: "POST", agent, headers }, (incoming) => {
      const timed = { ms: elapsed(), coreWaitMs: mostGrown(waitedBefore, waited()) };
      const { statusCode: status = 0, headers } = incoming;
      const answer = { status, retryAfter: headers["retry-after"], ...timed };
      if (status === 200) {
        const streamed = textOf(incoming);
        // Whoever asks for the text hears of it; until then it is no unhandled rejection.
        streamed.catch(() => {});
        resolve({ ...answer, jobId: "", streamed });
      } else jobIdOf(incoming).then((jobId) => resolve({ ...answer, jobId, streamed: undefined }), reject);
    });
    outgoing.on("error", reject);
    outgoing.end(text);
  });
}

function mostGrown(before: readonly number[], after: readonly number[]): number {
  return Math.max(...after.map((value, i) => value - (before[i] ?? 0)));
}

async function jobIdOf(incoming: IncomingMessage): Promise<string> {
  let answer = "";
  incoming.setEncoding("utf8");
  for await (const chunk of incoming) answer += String(chunk);
  return /"job_id":"([^"]+)"/.exec(answer)?.[1] ?? "";
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = "";
  let done = false;
  for await (const { event, data } of parseSse(incoming)) {
    done = data === DONE;
    if (event === "token") text += (JSON.parse(data) as { text: string }).text;
  }
  if (!done) throw new Error("A stream ended without [DONE]");
  return text;
}
