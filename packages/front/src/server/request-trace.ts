// Begins a trace with the request, and ends the trace with the response.
import type { RequestTrace, Traces } from "@waggle/daemon/traces";
import type { AppContext } from "./context.ts";

/** Only POST requests, which may create a job: traces of probes and pages would be useless. */
export function beginTrace(c: AppContext, traces: Pick<Traces, "begin"> | undefined): RequestTrace | undefined {
  if (traces === undefined || c.req.method !== "POST") return undefined;
  return traces.begin({
    method: c.req.method,
    requestId: c.get("requestId"),
    traceParent: c.req.header("traceparent"),
    traceState: c.req.header("tracestate"),
  });
}

/** A stream continues after its handler has returned, so the trace ends when the response is closed. */
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
