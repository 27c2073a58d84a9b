// Owns the ways in which a client asks for an answer, so that each fault is tried on all of them. A way for collected answers joins here.
import { isQueued, isToken, openStream, times, type LiveStream, type Worker } from "@waggle/testing/harness";
import type { GenerateRequestInput } from "@waggle/protocol";

export interface Way {
  readonly name: string;
  /** Asks, and resolves when the answer's headers have come. @throws RefusedError, or a WaggleError */
  open(worker: Worker, request: JobRequest, signal?: AbortSignal): Promise<LiveStream>;
}

/** The client names its job, so that it can be asked about whichever way it was started. */
export type JobRequest = GenerateRequestInput & { readonly job_id: string };

/** The answer to the request is the stream itself. */
export const inference: Way = {
  name: "inference",
  open: ({ url }, body, signal) => openStream({ url: `${url}/v1/inference`, body, ...signalOf(signal) }),
};

/** The job is accepted first, and its stream opened separately. */
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

/** Opens the stream of a job that exists. */
export function reopen({ url }: Worker, jobId: string, after?: number): Promise<LiveStream> {
  return openStream({ url: `${url}/v1/jobs/${jobId}/stream`, after });
}

type Unnamed = GenerateRequestInput & { readonly job_id?: never };

/** So many streams, in all ways in turn, each decoding by now. */
export async function openRunning(worker: Worker, count: number, request: Unnamed): Promise<LiveStream[]> {
  const streams = await times(count, (i) => {
    const way = ways[i % ways.length] ?? inference;
    return way.open(worker, { ...request, job_id: freshId("running") });
  });
  for (const stream of streams) await stream.event("a token", isToken);
  return streams;
}

/** So many streams, each with a place in the queue. */
export async function openWaiting(worker: Worker, count: number, request: Unnamed): Promise<LiveStream[]> {
  const streams = await times(count, () => inference.open(worker, { ...request, job_id: freshId("waiting") }));
  for (const stream of streams) await stream.event("a place in the queue", isQueued);
  return streams;
}

let serial = 0;

/** A name that no other job of this run has. */
export function freshId(what: string): string {
  return `${what}-${(serial += 1)}`;
}
