// Owns the ways in which a client requests a stream, so that each fault is tested with all of them.
import { isQueued, isToken, openStream, times, type LiveStream, type Worker } from "@waggle/testing/harness";
import type { GenerateRequestInput } from "@waggle/protocol";

export interface Way {
  readonly name: string;
  /** Sends the request, and resolves when the stream's headers have arrived. @throws RefusedError or WaggleError */
  open(worker: Worker, request: JobRequest, signal?: AbortSignal): Promise<LiveStream>;
}

/** The client chooses the job's id, so that tests can look the job up in every way. */
export type JobRequest = GenerateRequestInput & { readonly job_id: string };

/** One request, whose answer is the stream. */
export const inference: Way = {
  name: "inference",
  open: ({ url }, body, signal) => openStream({ url: `${url}/v1/inference`, body, ...signalOf(signal) }),
};

/** A first request creates the job, and a second one opens its stream. */
export const jobs: Way = {
  name: "jobs",
  async open({ url, client }, body, signal) {
    const { sse_url: path } = await client.createJob(body, { signal });
    return openStream({ url: url + path, ...signalOf(signal) });
  },
};

export const ways: readonly Way[] = [inference, jobs];

const signalOf = (signal: AbortSignal | undefined): { readonly signal?: AbortSignal } =>
  signal === undefined ? {} : { signal };

/** Opens the stream of an existing job. */
export function reopen({ url }: Worker, jobId: string, after?: number): Promise<LiveStream> {
  return openStream({ url: `${url}/v1/jobs/${jobId}/stream`, after });
}

type Unnamed = GenerateRequestInput & { readonly job_id?: never };

/** Opens this many streams, alternating between the ways. Resolves when all of them decode. */
export async function openRunning(worker: Worker, count: number, request: Unnamed): Promise<LiveStream[]> {
  const streams = await times(count, (i) => {
    const way = ways[i % ways.length] ?? inference;
    return way.open(worker, { ...request, job_id: freshId("running") });
  });
  for (const stream of streams) await stream.event("a token", isToken);
  return streams;
}

/** Opens this many streams. Resolves when all of them are in the queue. */
export async function openWaiting(worker: Worker, count: number, request: Unnamed): Promise<LiveStream[]> {
  const streams = await times(count, () => inference.open(worker, { ...request, job_id: freshId("waiting") }));
  for (const stream of streams) await stream.event("a place in the queue", isQueued);
  return streams;
}

let serial = 0;

/** An id that no other job of this run has. */
export function freshId(what: string): string {
  return `${what}-${(serial += 1)}`;
}
