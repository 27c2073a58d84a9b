// Owns the native routes about the worker: info, slots, health, metrics, usage, history and logs.
import { jobUidOf } from "@waggle/jobs";
import {
  LogLineSchema,
  historyIntervalMs,
  historyStepLimit,
  lineLevels,
  logLinesLimit,
  refuseField,
  workerRoutes,
} from "@waggle/protocol";
import type { History, LogLine } from "@waggle/protocol";
import type { historyRoutes, logRoutes, usageRoutes } from "@waggle/protocol";
import { isPast } from "@waggle/telemetry";
import type { AppContext, AppOptions, ServedModel } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import { eventChunks } from "../../stream/event-chunks.ts";
import type { Reference } from "../../server/reference.ts";
import { requireAdmin } from "../../access/require-admin.ts";
import type { StreamCounter } from "../../stream/stream-counter.ts";
import { streamResponse } from "../../stream/stream-response.ts";
import { pastQueryOf, timeOf, type ReadPast } from "./past-query.ts";
import { encodingOf } from "./encoding.ts";
import type { Encoding } from "./encoding.ts";
import type { JobRouteName } from "./job-routes.ts";

const usualLogLines = 100;
const LevelSchema = LogLineSchema.shape.level.optional();

type NativeRoutes = typeof workerRoutes & typeof usageRoutes & typeof logRoutes & typeof historyRoutes;

export function createWorkerRoutes(
  options: AppOptions,
  streams: StreamCounter,
  reference: Reference,
  readPast: ReadPast,
): Record<Exclude<keyof NativeRoutes, JobRouteName>, Handler> {
  const { view, models, state, registry, metrics } = options;
  /** Value of llama-server's header that lets a scraper notice a restart of the counters. */
  const startTimeUnix = String(Math.floor((Date.now() - process.uptime() * 1_000) / 1_000));

  return {
    info: (c) => c.json(view.info()),
    slots(c) {
      const client = c.get("client");
      const slots = models
        .find(c.req.query("model"))
        .slots()
        .map(({ job_id: uid, ...slot }) => {
          const job = uid === undefined ? undefined : registry.live(jobUidOf(uid));
          // For another client's job, the slot is only shown as busy.
          return job !== undefined && job.spec.who.client === client ? { ...slot, job_id: job.id } : slot;
        });
      return c.json({ slots });
    },
    loadingProgress(c) {
      const encoding = encodingOf(c);
      const { loading } = models.find(c.req.query("model"));
      // A response to HEAD has no body.
      if (c.req.method === "HEAD") return c.body(null, 200, encoding.headers);
      const release = streams.reserve(c.get("client"));
      return streamResponse(c, loadingChunks(loading, options, encoding, release), encoding.headers);
    },
    drain(c) {
      requireAdmin(c);
      options.log.info({ client: c.get("client") }, "drain_requested");
      options.drain();
      return c.json({ ready: false, state: state.name, ...reasonField(state.reason) }, workerRoutes.drain.status);
    },
    livez(c) {
      const live = state.name !== "failed";
      return c.json({ live, state: state.name, ...reasonField(state.reason) }, live ? 200 : 503);
    },
    readyz(c) {
      const ready = state.name === "ready";
      return c.json({ ready, state: state.name, ...reasonField(state.reason) }, ready ? 200 : 503, retryHeaders(ready));
    },
    health(c) {
      const health = view.health();
      return c.json(health, health.ready ? 200 : 503, retryHeaders(health.ready));
    },
    async metrics(c) {
      view.collect(streams);
      const text = await metrics.text(c.get("monitor") ? "all" : "worker");
      return c.body(text, 200, { "content-type": metrics.contentType, "process-start-time-unix": startTimeUnix });
    },
    usage: (c) => c.json(options.accounts.report(c.get("monitor") ? undefined : c.get("client"))),
    async history(c) {
      const [after, until] = [timeOf(c, "after"), timeOf(c, "until")];
      const step = wholeNumber(c, "step", { fallback: historyIntervalMs / 1_000, least: 1, most: historyStepLimit });
      const read = async (left?: AbortSignal): Promise<History> => await view.history(after, until, step * 1_000, left);
      return c.json(await (until === undefined ? read() : readPast(c, read)));
    },
    async logs(c) {
      requireAdmin(c);
      const count = wholeNumber(c, "lines", { fallback: usualLogLines, least: 1, most: logLinesLimit });
      const after = wholeNumber(c, "after", { fallback: -1, least: -1, most: Number.MAX_SAFE_INTEGER });
      const { success, data: level } = LevelSchema.safeParse(c.req.query("level"));
      if (!success) throw refuseField("level", `it must be one of ${lineLevels.join(", ")}`);
      const past = pastQueryOf(c);
      const read = async (left?: AbortSignal): Promise<readonly LogLine[]> =>
        await options.logLines.find({ count, after, level, ...past, left });
      return c.json({ lines: await (isPast(past) ? readPast(c, read) : read()) });
    },
    openapi: (c) => c.body(reference.document(), 200, { "content-type": "application/json" }),
  };
}

interface NumberRange {
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
}

/** @throws WaggleError invalid_argument with the parameter's name and range */
function wholeNumber(c: AppContext, name: string, { fallback, least, most }: NumberRange): number {
  const given = c.req.query(name);
  if (given === undefined) return fallback;
  const value = /^-?\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw refuseField(name, `it must be a whole number from ${least} to ${most}`);
}

function reasonField(reason: string | undefined): { reason?: string } {
  return reason === undefined ? {} : { reason };
}

function retryHeaders(ready: boolean): Record<string, string> {
  return ready ? {} : { "retry-after": "1" };
}

function loadingChunks(
  loading: ServedModel["loading"],
  { clock, limits }: Pick<AppOptions, "clock" | "limits">,
  encoding: Encoding,
  onClose: () => void,
): AsyncIterator<string> {
  return eventChunks({
    events: loading.watch(),
    clock,
    pingIntervalMs: limits.pingIntervalMs,
    chunk: (event) => encoding.event(event),
    ping: () => encoding.ping,
    isLast: ({ type }) => type !== "loading",
    onClose,
  });
}
