// Owns the ways in which a client asks for an answer, so that each fault is tried on all of them. A way for collected answers joins here.
import type { GenerateRequestInput } from "@waggle/protocol";
import type { ChaosWorker } from "./chaos-worker.ts";
import { openStream, type LiveStream } from "./live-stream.ts";

export interface Way {
  readonly name: string;
  /** Asks, and resolves when the answer's headers have come. @throws RefusedError */
  open(worker: ChaosWorker, request: JobRequest): Promise<LiveStream>;
}

/** The client names its job, so that it can be asked about whichever way it was started. */
export type JobRequest = GenerateRequestInput & { readonly job_id: string };

/** The answer to the request is the stream itself. */
export const inference: Way = {
  name: "inference",
  open: ({ url }, body) => openStream({ url: `${url}/v1/inference`, body }),
};

/** The job is accepted first, and its stream opened separately. */
export const jobs: Way = {
  name: "jobs",
  async open({ url, client }, body) {
    const { sse_url: path } = await client.createJob(body);
    return openStream({ url: url + path });
  },
};

export const ways: readonly Way[] = [inference, jobs];

/** Opens the stream of a job that exists. */
export function reopen({ url }: ChaosWorker, jobId: string, after?: number): Promise<LiveStream> {
  return openStream({ url: `${url}/v1/jobs/${jobId}/stream`, ...(after === undefined ? {} : { after }) });
}

let serial = 0;

/** A name that no other job of this run has. */
export function freshId(what: string): string {
  return `${what}-${(serial += 1)}`;
}
