// Owns the routes by which a job is ended while its worker lives: what is done, and what its stream must end with.
import { isQueued, isStarted, logged, type Ending, type LiveStream, type Worker } from "@waggle/harness";
import { isTerminal } from "@waggle/protocol";
import { freshId, reopen, type JobRequest, type Way } from "./ways.ts";

/** A job that is to be ended. */
export interface Target {
  readonly worker: Worker;
  readonly way: Way;
  readonly request: JobRequest & { readonly session_id: string };
  readonly stream: LiveStream;
}

export interface Route {
  readonly name: "disconnect" | "DELETE job" | "DELETE session" | "superseded" | "deadline";
  readonly due: Ending;
  /** Ends the job. Resolves with its whole stream once that has its terminal event. */
  end(target: Target): Promise<LiveStream>;
  /** Undoes what else it did; resolves when nothing of it is left. */
  clear?(target: Target): Promise<void>;
}

/** The job that supersedes a session's job. */
const successorId = (target: Target): string => `${target.request.job_id}-successor`;

async function ended(stream: LiveStream): Promise<LiveStream> {
  await stream.event("the terminal event", isTerminal);
  return stream;
}

export const routes: readonly Route[] = [
  {
    name: "disconnect",
    due: "cancelled by disconnect",
    async end({ worker, stream, request }) {
      stream.leave();
      // Nobody is there to be told, so the log tells; then the replay shows what a reader would have got.
      const [cancelled, over] = [logged("stream_cancelled", request.job_id), logged("stream_end", request.job_id)];
      await worker.log.line("the job's end", (line) => cancelled(line) || over(line));
      return ended(await reopen(worker, request.job_id));
    },
  },
  {
    name: "DELETE job",
    due: "cancelled by client",
    async end({ worker, request, stream }) {
      await worker.client.cancelJob(request.job_id);
      return ended(stream);
    },
  },
  {
    name: "DELETE session",
    due: "cancelled by client",
    async end({ worker, request, stream }) {
      await worker.client.cancelSession(request.session_id);
      return ended(stream);
    },
  },
  {
    name: "superseded",
    due: "cancelled by superseded",
    async end(target) {
      const request = { prompt: "I come after.", session_id: target.request.session_id, job_id: successorId(target) };
      const successor = await target.way.open(target.worker, request);
      const hasPlace = (event: LiveStream["events"][number]): boolean =>
        isStarted(event) || isQueued(event) || event.type === "status";
      await successor.event("a place for the successor", hasPlace);
      return ended(target.stream);
    },
    async clear(target) {
      await target.worker.client.cancelJob(successorId(target));
    },
  },
  { name: "deadline", due: "error deadline_exceeded", end: ({ stream }) => ended(stream) },
];

export function freshTarget(): { readonly job_id: string; readonly session_id: string } {
  const id = freshId("target");
  return { job_id: id, session_id: `session-of-${id}` };
}
