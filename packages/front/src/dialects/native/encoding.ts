// Owns how the native routes put an event on the wire: SSE, or NDJSON where it is asked for.
import { DONE, ndjsonHeaders, sseHeaders } from "@waggle/protocol";
import { encodeNdjson, encodeSse, encodeSseComment } from "@waggle/protocol/sse";
import type { AppContext } from "../../server/context.ts";

export interface Encoding {
  readonly headers: Readonly<Record<string, string>>;
  /** @param id the number after which a reader can resume */
  event(event: { readonly type: string }, id?: number): string;
  /** Follows a stream's last event where it ended well. */
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
