// Owns what is said about what clients use: the report, and its route.
import { z } from "zod";
import type { Route } from "./routes.ts";

const count = z.int().nonnegative();

const tokenShape = {
  prompt_tokens: count.describe("Cached ones included."),
  cached_tokens: count.describe("Prompt tokens found in a KV cache."),
  completion_tokens: count.describe("Also of answers that were cancelled or failed."),
};

const WindowUseSchema = z
  .object({
    limit: z.int().positive(),
    left: count,
    full_in_ms: z.number().nonnegative().describe("Until all of it is free again, if nothing more is used."),
  })
  .meta({ id: "QuotaWindow" });

export const QuotaUseSchema = z
  .object({
    requests_per_minute: WindowUseSchema.optional(),
    tokens_per_minute: WindowUseSchema.optional(),
    tokens_per_day: WindowUseSchema.optional(),
    running_jobs: z.object({ limit: z.int().positive(), left: count }).optional(),
  })
  .meta({ id: "QuotaUse" });
export type QuotaUse = z.infer<typeof QuotaUseSchema>;

export const ClientUsageSchema = z
  .object({
    client: z.string().describe("The API token's name; local in local mode."),
    admin: z.boolean(),
    requests: z.object({
      accepted: count.describe("That brought a job. A retry that joined its first try's job is none."),
      refused: count.describe("For whatever reason, a used-up quota among them."),
    }),
    jobs: z.object({ finished: count, failed: count, cancelled: count }),
    running: count.describe("Jobs that wait or run now."),
    ...tokenShape,
    models: z.record(z.string(), z.object(tokenShape)).describe("The same tokens, by the model that computed them."),
    quota: QuotaUseSchema.optional().describe("What the client may use, and what is left of it now."),
  })
  .meta({ id: "ClientUsage" });
export type ClientUsage = z.infer<typeof ClientUsageSchema>;

/** `GET /v1/usage`. */
export const UsageReportSchema = z
  .object({
    since: z.iso.datetime().describe("When the worker began to count: at its start."),
    clients: z.array(ClientUsageSchema),
  })
  .meta({ id: "UsageReport" });
export type UsageReport = z.infer<typeof UsageReportSchema>;

export const usageRoutes = {
  usage: {
    method: "get",
    path: "/v1/usage",
    summary: "What clients have used since the worker started: your own, or with a token marked admin or monitor all.",
    status: 200,
    response: UsageReportSchema,
    errors: [],
  },
} as const satisfies Record<string, Route>;
