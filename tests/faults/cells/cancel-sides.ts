// Owns the two sides of the cancel matrix. A phase is a request that reaches it, and the events that prove that a job was in it. A route is an
// action that ends a job while its worker stays up, and the end that its stream must have.
import {
  isQueued,
  isStarted,
  isToken,
  logged,
  type Ending,
  type LiveStream,
  type Worker,
} from "@waggle/testing/harness";
import { isTerminal, type GenerateRequestInput, type StreamEvent } from "@waggle/protocol";
import { freshId, reopen, type JobRequest, type Way } from "../support/ways.ts";

export interface Phase {
  readonly name: "loading" | "queued" | "prefill" | "decode";
  /** Makes a request whose prompt begins differently each time, so that no slot already holds its prefix. */
  request(): Pick<GenerateRequestInput, "prompt">;
  /** Whether a job in this phase holds a slot. */
  readonly inSlot: boolean;
  /** Whether this event shows that a job has reached this phase. */
  isReached(event: StreamEvent): boolean;
  /** Whether this event shows that a job has left this phase. */
  isLeft(event: StreamEvent): boolean;
}

/** Words of the prompt, each one or more tokens of the fake model: at 16 tokens per step, prefill takes hundreds of steps. */
const longPromptWords = 6_000;
/** Index of the token that proves that a stream is decoding. */
const decodingFrom = 3;

const isLoading = (event: StreamEvent): boolean => event.type === "status" && event.status === "loading";
const isDecoding = (event: StreamEvent): boolean => isToken(event) && event.index >= decodingFrom;
const short = (): { prompt: string } => ({ prompt: `${freshId("No")}: tell me about the hive.` });
const waits = { request: short, inSlot: false, isLeft: isStarted };

export const loading: Phase = { ...waits, name: "loading", isReached: isLoading };

export const queued: Phase = { ...waits, name: "queued", isReached: isQueued };

export const prefill: Phase = {
  name: "prefill",
  request: () => ({ prompt: `${freshId("No")}: ${"bee ".repeat(longPromptWords)}` }),
  inSlot: true,
  isReached: isStarted,
  isLeft: isToken,
};

export const decode: Phase = {
  name: "decode",
  request: short,
  inSlot: true,
  isReached: isDecoding,
  isLeft: () => false,
};

/** Whether a stream with these events ended in this phase. */
export const endedIn = ({ isReached, isLeft }: Phase, events: readonly StreamEvent[]): boolean =>
  events.some(isReached) && !events.some(isLeft);

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
  /** Ends the job. Resolves with the job's stream when the terminal event has arrived. */
  end(target: Target): Promise<LiveStream>;
  /** Ends other jobs that the route started. */
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
      // The job has no reader: wait for its end in the log, then read the replay.
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
