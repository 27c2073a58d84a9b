// Owns the two encodings of native streams: SSE, or NDJSON if the client accepts NDJSON.
import { streamKeys } from "@waggle/jobs";
import type { Job } from "@waggle/jobs";
import { DONE, ndjsonHeaders, sseHeaders } from "@waggle/protocol";
import type { ErrorEvent } from "@waggle/protocol";
import { encodeNdjson, encodeSse, encodeSseComment } from "@waggle/protocol/sse";
import type { Framing } from "../../generation/dialect.ts";
import type { AppContext } from "../../server/context.ts";

export interface Encoding {
  readonly headers: Readonly<Record<string, string>>;
  /** @param id number of the event, after which a reader can resume */
  event(event: { readonly type: string }, id?: number): string;
  /** Follows the last event of a complete stream. */
  readonly done: string;
  readonly ping: string;
}

const sse: Encoding = {
  headers: sseHeaders,
  event(event, id) {
    const data = JSON.stringify(event);
    return encodeSse(id === undefined ? { event: event.type, data } : { id: String(id), event: event.type, data });
  },
  done: encodeSse({ data: DONE }),
  ping: encodeSseComment("ping"),
};

const ndjson: Encoding = { headers: ndjsonHeaders, event: (event) => encodeNdjson(event), done: "", ping: "\n" };

export function encodingOf(c: AppContext): Encoding {
  return (c.req.header("accept") ?? "").includes("application/x-ndjson") ? ndjson : sse;
}

export function nativeFraming(job: Job, { headers, event: encode, done, ping }: Encoding): Framing {
  const { log } = job;
  return {
    headers,
    cancelledIsError: false,
    frame: (event) => encode(event, event.type === "token" ? event.index : undefined),
    // The id of the end event is one more than the id of the last token event.
    frameEnd: (end) => encode(end, log.nextToken) + done,
    frameError({ code, message, retryable, details }) {
      const more = details === undefined ? {} : { details };
      const event: ErrorEvent = { type: "error", ...streamKeys(job), code, message, retryable, ...more };
      return encode(event);
    },
    keepAlive: () => ping,
  };
}
