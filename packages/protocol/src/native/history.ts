// Owns the history that workers and gateways keep of themselves, and its route.
import { optional, z } from "zod";
import { route } from "../openapi/route-parts.ts";
import { LatencySchema } from "./latency.ts";
import { amount, count, share, time } from "../fields/values.ts";

/** Milliseconds between two points. */
export const historyIntervalMs = 10_000;
/** Most points: an hour. */
export const historyPointsLimit = 360;

export const HistoryPointSchema = z
  .object({
    at: time.describe("End of the time that the point describes."),
    span_ms: amount.describe("Length of that time."),
    tokens_per_second: amount.describe("Generated tokens."),
    running: count.describe("Jobs in slots: the most in this time."),
    waiting: count.describe("Jobs in queues: the most in this time."),
    accepted: count.describe("Jobs accepted in this time."),
    ttft: optional(LatencySchema).describe("Time to first token; absent without jobs."),
    itl: optional(LatencySchema).describe("Inter-token latency; absent without tokens."),
    prompt_tokens_per_second: amount.describe("Prompt tokens of started jobs, without cached ones."),
    errors: z.record(z.string(), count).describe("Failed and refused jobs by error code."),
    batch_width: optional(amount).describe("Mean rows per forward pass; absent without passes."),
    step: optional(LatencySchema).describe("Duration of a forward pass; absent without passes."),
    kv_use: optional(share).describe("Share of the KV cache's cells that running jobs fill; absent at a gateway."),
    cpu_busy: optional(share).describe("Busy share of all cores of the machine, all programs together."),
    free_memory_bytes: optional(count).describe("Memory of the machine that is still available."),
  })
  .meta({ id: "HistoryPoint" });
export type HistoryPoint = z.infer<typeof HistoryPointSchema>;

/** Most seconds of a merged point: an hour. */
export const historyStepLimit = 3_600;

export const HistorySchema = z
  .object({
    points: z.array(HistoryPointSchema).max(historyPointsLimit).describe("Oldest first."),
    now: optional(HistoryPointSchema).describe(
      "The time since the last point, up to now; absent for less than a second.",
    ),
    day: optional(z.literal(true)).describe("Present if the points of a day are kept on disk: see --history-size."),
  })
  .meta({ id: "History" });
export type History = z.infer<typeof HistorySchema>;

export const historyRoutes = {
  history: route("get", "/v1/history", {
    summary:
      "The last hour of this server: a point for each 10 seconds, over all models and clients. With --history-size, the points of a day are kept on disk.",
    response: HistorySchema,
    query: {
      after: "Return only points that end after this time, as in a point's at.",
      until: "Return the points before this time, of the day on disk: the last 360 of them.",
      step: `With until: seconds of a point, 10 by default, at most ${historyStepLimit}. Points of 10 seconds are merged: rates are means, jobs the most, and percentiles those of all measurements.`,
    },
    errors: ["invalid_argument", "resource_exhausted"],
  }),
};
