// Owns the routes by which a job is ended while its worker lives: what is done, and what its stream must end with.
import { isTerminal, type CancelledBy, type ErrorCode, type TerminalEvent } from "@waggle/protocol";
import type { LiveStream } from "./live-stream.ts";
import { told, type ChaosWorker } from "./chaos-worker.ts";
import { isQueued, isStarted } from "./stream-events.ts";
import { freshId, reopen, type JobRequest, type Way } from "./ways.ts";

export type RouteName = "disconnect" | "DELETE job" | "DELETE session" | "superseded" | "deadline";

/** A job that is to be ended. */
export interface Target {
  readonly worker: ChaosWorker;
  readonly way: Way;
  readonly request: JobRequest & { readonly session_id: string };
  readonly stream: LiveStream;
}

export interface Route {
  readonly name: RouteName;
  readonly due: { readonly by: CancelledBy } | { readonly code: ErrorCode };
  /** Ends the job. Resolves with its whole stream once that has its terminal event. */
  end(target: Target): Promise<LiveStream>;
  /** Undoes what else it did; resolves when nothing of it is left. */
  clear?(target: Target): Promise<void>;
}

/** The job that supersedes a session's job. */
const heirId = (target: Target): string => `${target.request.job_id}-heir`;

async function untilTold(stream: LiveStream): Promise<LiveStream> {
  await stream.event("the terminal event", isTerminal);
  return stream;
}

export const routes: readonly Route[] = [
  {
    name: "disconnect",
    due: { by: "disconnect" },
    async end({ worker, stream, request }) {
      stream.leave();
      // Nobody is there to be told, so the log tells; then the replay shows what a reader would have got.
      const [cancelled, ended] = [told("stream_cancelled", request.job_id), told("stream_end", request.job_id)];
      await worker.log.line("the job's end", (line) => cancelled(line) || ended(line));
      return untilTold(await reopen(worker, request.job_id));
    },
  },
  {
    name: "DELETE job",
    due: { by: "client" },
    async end(target) {
      await target.worker.client.cancelJob(target.request.job_id);
      return untilTold(target.stream);
    },
  },
  {
    name: "DELETE session",
    due: { by: "client" },
    async end(target) {
      await target.worker.client.cancelSession(target.request.session_id);
      return untilTold(target.stream);
    },
  },
  {
    name: "superseded",
    due: { by: "superseded" },
    async end(target) {
      const { worker, way, request } = target;
      const heir = await way.open(worker, {
        prompt: "I come after.",
        session_id: request.session_id,
        job_id: heirId(target),
      });
      await heir.event(
        "a place for the heir",
        (event) => isStarted(event) || isQueued(event) || event.type === "status",
      );
      return untilTold(target.stream);
    },
    async clear({ worker, ...target }) {
      await worker.client.cancelJob(heirId({ worker, ...target }));
    },
  },
  { name: "deadline", due: { code: "deadline_exceeded" }, end: ({ stream }) => untilTold(stream) },
];

/** Whether this is the end that was due. */
export function isDue(terminal: TerminalEvent | undefined, due: Route["due"]): boolean {
  if ("code" in due) return terminal?.type === "error" && terminal.code === due.code;
  return terminal?.type === "end" && terminal.finish_reason === "cancelled" && terminal.cancelled_by === due.by;
}

export function freshTarget(): { readonly job_id: string; readonly session_id: string } {
  const id = freshId("target");
  return { job_id: id, session_id: `session-of-${id}` };
}
