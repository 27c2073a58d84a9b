// Owns when a request's trace begins and ends: with the request, and when its response is out. Who takes traces, and of what, it does not know.
import type { RequestTrace, Traces } from "@waggle/daemon/traces";
import type { AppContext } from "./context.ts";

/** Only what may bring a job or change something: probes and pages would fill the traces with nothing. */
export function beginTrace(c: AppContext, traces: Pick<Traces, "begin"> | undefined): RequestTrace | undefined {
  if (traces === undefined || c.req.method !== "POST") return undefined;
  return traces.begin({
    method: c.req.method,
    requestId: c.get("requestId"),
    traceParent: c.req.header("traceparent"),
    traceState: c.req.header("tracestate"),
  });
}

/** A stream continues after its handler is done: the trace ends with the response's connection or its last byte. */
export function endTrace(c: AppContext, trace: RequestTrace | undefined, route: string): void {
  if (trace === undefined) return;
  const outgoing = c.env?.outgoing;
  const client: string | undefined = c.get("client");
  const streamed = outgoing?.headersSent === true;
  const status = streamed ? outgoing.statusCode : c.res.status;
  const end = (): void => trace.end({ route, status, client });
  if (outgoing === undefined || outgoing.closed) end();
  else outgoing.once("close", end);
}
