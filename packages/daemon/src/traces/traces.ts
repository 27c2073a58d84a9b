// Owns the traces of a daemon: a span for each request, and child spans for the phases of the request's jobs.
import type { Clock } from "@waggle/async";
import type { Job, JobObserver } from "@waggle/jobs";
import { phaseSpansOf, requestAttributesOf } from "./job-spans.ts";
import { createSampler } from "./sampler.ts";
import type { Attributes } from "./span.ts";
import type { SpanExporter } from "./span-exporter.ts";
import { newSpanId, newTraceId, parseTraceParent } from "./trace-context.ts";
import type { TraceSettings } from "./trace-settings.ts";

export interface TracedRequest {
  readonly method: string;
  /** Id of the request, as in the log. */
  readonly requestId?: string;
  readonly traceParent: string | undefined;
  readonly traceState: string | undefined;
}

export interface RequestTrace {
  /** Makes the spans of a job children of the request that started the job. */
  adopt(job: Job): void;
  /** Call when the response is sent, or the client has disconnected. @param route the route's path as in the API reference */
  end(facts: { readonly route: string; readonly status: number; readonly client: string | undefined }): void;
}

export interface Traces {
  /** Ignores jobs that no sampled request started. */
  readonly observe: JobObserver;
  /** Returns undefined if the trace is not sampled. */
  begin(request: TracedRequest): RequestTrace | undefined;
}

export interface TracesOptions {
  readonly settings: Pick<TraceSettings, "sampler" | "ratio">;
  readonly exporter: Pick<SpanExporter, "add">;
  readonly clock: Clock;
}

interface RequestSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  /** Difference between time of day and the daemon's clock, in milliseconds. All spans of a request use the same difference, so that their times are consistent. */
  readonly offsetMs: number;
  readonly startedAt: number;
  attributes: Attributes;
  failed: boolean;
}

export function createTraces({ settings, exporter, clock }: TracesOptions): Traces {
  const sampler = createSampler(settings.sampler, settings.ratio);
  const requestOf = new WeakMap<Job, RequestSpan>();

  function endRequest(span: RequestSpan, name: string, attributes: Attributes, failed: boolean): void {
    const { offsetMs, startedAt, ...ids } = span;
    exporter.add({
      ...ids,
      name,
      kind: "server",
      startMs: startedAt + offsetMs,
      endMs: clock.now() + offsetMs,
      attributes: { ...attributes, ...span.attributes },
      failed: failed || span.failed,
    });
  }

  return {
    begin({ method, requestId, traceParent, traceState }) {
      const parent = parseTraceParent(traceParent, traceState);
      const traceId = parent?.traceId ?? newTraceId();
      if (!sampler(traceId, parent)) return undefined;
      const startedAt = clock.now();
      const span: RequestSpan = {
        traceId,
        spanId: newSpanId(),
        parentSpanId: parent?.spanId,
        traceState: parent?.state,
        offsetMs: Date.now() - startedAt,
        startedAt,
        attributes: {},
        failed: false,
      };
      return {
        adopt: (job) => void requestOf.set(job, span),
        end({ route, status, client }) {
          const http = { "http.request.method": method, "http.route": route, "http.response.status_code": status };
          const own = { "waggle.request.id": requestId, "waggle.client": client };
          endRequest(span, `${method} ${route}`, { ...http, ...own }, status >= 500);
        },
      };
    },
    observe(job, what, model) {
      const request = requestOf.get(job);
      if (what.type !== "ended" || request === undefined) return;
      const { outcome } = what;
      requestOf.delete(job);
      const { traceId, spanId, traceState, offsetMs } = request;
      for (const { name, from, to, attributes, failed } of phaseSpansOf(job, outcome, model)) {
        exporter.add({
          traceId,
          spanId: newSpanId(),
          parentSpanId: spanId,
          traceState,
          name,
          kind: "internal",
          startMs: from + offsetMs,
          endMs: to + offsetMs,
          attributes,
          failed,
        });
      }
      request.attributes = requestAttributesOf(job, outcome, model, request.attributes);
      request.failed ||= outcome.type === "failed";
    },
  };
}
