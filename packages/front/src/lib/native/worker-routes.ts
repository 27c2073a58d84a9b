// Owns the native routes about the worker itself: who it is, how it is, what it measures.
import { encodeNdjson, encodeSse, encodeSseComment } from "@waggle/sse";
import type { LoadingEvent } from "@waggle/protocol";
import type { AppContext, AppOptions } from "../context.ts";
import { formatOf, headersOf, streamResponse } from "../event-stream.ts";
import type { Handler } from "./job-routes.ts";
import { jobUidOf } from "@waggle/jobs";
import { pinged } from "../pinged.ts";
import type { StreamCounter } from "../stream-counter.ts";

export type WorkerRouteName =
  | "info"
  | "slots"
  | "loadingProgress"
  | "livez"
  | "readyz"
  | "health"
  | "metrics"
  | "openapi";

export function createWorkerRoutes(options: AppOptions, streams: StreamCounter): Record<WorkerRouteName, Handler> {
  const { view, state, registry, metrics } = options;

  return {
    info: (c) => c.json(view.info()),
    slots(c) {
      const client = c.get("client");
      const slots = view.slots().map(({ job_id: uid, ...slot }) => {
        const job = uid === undefined ? undefined : registry.live(jobUidOf(uid));
        // Another client's job shows as busy, not by name.
        return job !== undefined && job.spec.scope.client === client ? { ...slot, job_id: job.id } : slot;
      });
      return c.json({ slots });
    },
    loadingProgress(c) {
      const format = formatOf(c);
      // Nobody reads on a HEAD.
      if (c.req.method === "HEAD") return c.body(null, 200, headersOf(format));
      const client = c.get("client");
      streams.check(client);
      return streamResponse(c, streams.count(client, loadingChunks(options, format)), headersOf(format));
    },
    livez(c) {
      const live = state.name !== "failed";
      return c.json({ live, state: state.name, ...reasonOf(state.reason) }, live ? 200 : 503);
    },
    readyz(c) {
      const ready = state.name === "ready";
      return c.json({ ready, state: state.name, ...reasonOf(state.reason) }, ready ? 200 : 503, retryHeaders(ready));
    },
    health(c) {
      const health = view.health();
      return c.json(health, health.ready ? 200 : 503, retryHeaders(health.ready));
    },
    async metrics(c: AppContext) {
      view.collect();
      return c.body(await metrics.text(), 200, { "content-type": metrics.contentType });
    },
    openapi: (c) => c.json(view.openApi()),
  };
}

function reasonOf(reason: string | undefined): { reason?: string } {
  return reason === undefined ? {} : { reason };
}

function retryHeaders(ready: boolean): Record<string, string> {
  return ready ? {} : { "retry-after": "1" };
}

function loadingChunks(options: AppOptions, format: "sse" | "ndjson"): AsyncIterator<string> {
  const events = pinged(options.loading.watch(), options.clock, options.limits.pingIntervalMs);
  let ended = false;
  return {
    async next() {
      if (ended) {
        await events.return?.();
        return { done: true, value: undefined };
      }
      const { done, value } = await events.next();
      if (done === true) return { done: true, value: undefined };
      if (value === "ping") return { done: false, value: format === "sse" ? encodeSseComment("ping") : "\n" };
      ended = value.type !== "loading";
      return { done: false, value: frame(value, format) };
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
  };
}

function frame(event: LoadingEvent, format: "sse" | "ndjson"): string {
  return format === "sse" ? encodeSse({ event: event.type, data: JSON.stringify(event) }) : encodeNdjson(event);
}
