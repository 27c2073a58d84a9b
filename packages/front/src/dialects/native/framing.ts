// Writes a job's stream in the native dialect.
import { streamKeys } from "@waggle/jobs";
import type { Job } from "@waggle/jobs";
import type { ErrorEvent } from "@waggle/protocol";
import type { Framing } from "../../generation/dialect.ts";
import type { Encoding } from "./encoding.ts";

export function nativeFraming(job: Job, { headers, event: encode, done, ping }: Encoding): Framing {
  return {
    headers,
    cancelledIsError: false,
    frame: (event) => encode(event, event.type === "token" ? event.index : undefined),
    // The id of the end event is one more than the last token's.
    frameEnd: (end) => encode(end, job.log.nextToken) + done,
    frameError({ code, message, retryable, details }) {
      const more = details === undefined ? {} : { details };
      const event: ErrorEvent = { type: "error", ...streamKeys(job), code, message, retryable, ...more };
      return encode(event);
    },
    keepAlive: () => ping,
  };
}
