// Owns the report on the clients' usage, and its route.
import { z } from "zod";
import { route } from "../openapi/route-parts.ts";
import { amount, count, positive, time } from "../fields/values.ts";

const tokenShape = {
  prompt_tokens: count.describe("Prompt tokens, including cached ones."),
  cached_tokens: count.describe("Prompt tokens found in a KV cache."),
  completion_tokens: count.describe("Generated tokens, including those of cancelled and failed answers."),
};

const WindowUseSchema = z
  .object({
    limit: positive,
    left: count,
    full_in_ms: amount.describe("Milliseconds until the whole quota is free again, without further use."),
  })
  .meta({ id: "QuotaWindow" });

export const QuotaUseSchema = z
  .object({
    requests_per_minute: WindowUseSchema.optional(),
    tokens_per_minute: WindowUseSchema.optional(),
    tokens_per_day: WindowUseSchema.optional(),
    running_jobs: z.object({ limit: positive, left: count }).optional(),
  })
  .meta({ id: "QuotaUse" });
export type QuotaUse = z.infer<typeof QuotaUseSchema>;

export const ClientUsageSchema = z
  .object({
    client: z.string().describe("Name of the API token; local in local mode."),
    admin: z.boolean(),
    requests: z.object({
      accepted: count.describe("Requests that began a new job. A retry that joined an earlier job is not counted."),
      refused: count.describe("Requests rejected for any reason, including an exhausted quota."),
    }),
    jobs: z.object({ finished: count, failed: count, cancelled: count }),
    running: count.describe("Number of jobs that are waiting or running now."),
    ...tokenShape,
    models: z.record(z.string(), z.object(tokenShape)).describe("Token counts by model."),
    quota: QuotaUseSchema.optional().describe("The client's quota, and its unused part now."),
  })
  .meta({ id: "ClientUsage" });
export type ClientUsage = z.infer<typeof ClientUsageSchema>;

export const UsageReportSchema = z
  .object({
    since: time.describe("Time of the worker's start, from which all counts begin."),
    clients: z.array(ClientUsageSchema),
  })
  .meta({ id: "UsageReport" });
export type UsageReport = z.infer<typeof UsageReportSchema>;

export const usageRoutes = {
  usage: route("get", "/v1/usage", {
    summary:
      "Usage since the worker started. A normal token sees its own usage; an admin or monitor token sees that of all clients.",
    response: UsageReportSchema,
  }),
};
