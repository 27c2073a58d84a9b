// Stores a response when its job is accepted, and completes the stored response when the job ends, even if the client has left.
import type { Picture } from "@waggle/engine";
import type { Job } from "@waggle/jobs";
import type { Logger } from "@waggle/telemetry";
import { WaggleError } from "@waggle/protocol";
import type { StreamEvent } from "@waggle/protocol";
import { completeEndOf } from "../../stream/framed-chunks.ts";
import type { ResponseShape } from "./framing.ts";
import { createOutput } from "./output.ts";
import type { OutputItem } from "./output.ts";
import { endedResponse, failedResponse, isCut } from "./response.ts";
import type { EndedResponse, ResponseStore } from "./store.ts";

export interface KeepingOptions {
  readonly store: ResponseStore;
  readonly job: Job;
  readonly shape: ResponseShape;
  readonly input: readonly OutputItem[];
  /** The pictures in the input, which has their hashes. */
  readonly pictures: readonly Picture[];
  readonly previousId: string | undefined;
  readonly log: Logger;
}

/** Follows the job's log, since the log may drop its first tokens before the job ends. */
export function keepResponse({ store, job, shape, input, pictures, previousId, log }: KeepingOptions): void {
  const { client } = job.spec.who;
  const { head } = shape;
  const output = createOutput(shape);
  let failure: WaggleError | undefined;

  function follow(event: StreamEvent): void {
    if (failure !== undefined) return;
    try {
      output.add(event);
    } catch (error) {
      failure = WaggleError.from(error);
    }
  }

  function ended(): EndedResponse {
    const { terminal } = job.log;
    if (terminal === undefined) throw new Error("The job has ended without a terminal event");
    try {
      if (failure !== undefined) throw failure;
      const end = completeEndOf(terminal);
      output.end(isCut(end) ? "incomplete" : "completed");
      return { response: endedResponse(head, output, end), output: output.items };
    } catch (error) {
      return { response: failedResponse(head, output, WaggleError.from(error)), output: output.items };
    }
  }

  store.keep(client, { head, previousId, input, pictures });
  for (const event of job.log.output()) follow(event);
  const stop = job.log.subscribe(follow);
  job.ended.promise
    .then(() => {
      stop();
      store.end(client, head.id, ended());
    })
    .catch((error: unknown) => log.error({ err: error }, "response_not_kept"));
}
