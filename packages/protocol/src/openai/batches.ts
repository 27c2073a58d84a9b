// Owns the requests, the answers and the route table of OpenAI's batches. The shapes follow OpenAI's API reference (Batch). All routes are served
// with and without `/v1`.
import { nullish, z } from "zod";
import { requestLimits } from "../fields/limits.ts";
import { amount, count, pageShape } from "../fields/values.ts";
import { route } from "../openapi/route-parts.ts";
import { MetadataSchema, ResponseUsageSchema } from "../responses/requests.ts";
import { ExpiresAfterSchema } from "./files.ts";

export const batchLimits = {
  /** Characters of the id of a line. */
  customIdChars: 512,
  /** Batches in one page of the list, and by default. */
  page: 100,
  defaultPage: 20,
} as const;

/** The routes that answer lines. */
export const batchEndpoints = [
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/embeddings",
  "/v1/responses",
  "/v1/rerank",
  "/v1/decisions",
] as const;

export const BatchRequestSchema = z
  .object({
    input_file_id: z.string().min(1).max(requestLimits.idChars),
    endpoint: z.enum(batchEndpoints),
    completion_window: z
      .string()
      .regex(/^[1-9]\d{0,4}h$/, "must be a number of hours, such as 24h")
      .meta({ examples: ["24h"] })
      .describe("Time until the batch expires: 24h, or up to the server's longest window."),
    metadata: nullish(MetadataSchema),
    output_expires_after: nullish(ExpiresAfterSchema).describe("When the files of results expire. Default: 30 days."),
  })
  .meta({ id: "BatchRequest" });
export type BatchRequest = z.infer<typeof BatchRequestSchema>;

const instant = z.int().nullable();

export const BatchSchema = z
  .object({
    id: z.string(),
    object: z.literal("batch"),
    endpoint: z.string(),
    model: z.string().nullable().describe("The model of all lines; null if they have several."),
    errors: z
      .object({
        object: z.literal("list"),
        data: z.array(
          z.object({
            code: z.string(),
            message: z.string(),
            param: z.string().nullable(),
            line: z.int().nullable().describe("Counted from 1."),
          }),
        ),
      })
      .nullable(),
    input_file_id: z.string().nullable(),
    completion_window: z.string(),
    status: z.enum([
      "validating",
      "failed",
      "in_progress",
      "finalizing",
      "completed",
      "expired",
      "cancelling",
      "cancelled",
    ]),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: z.int().describe("Creation time, in seconds since 1970."),
    in_progress_at: instant,
    expires_at: z.int(),
    finalizing_at: instant,
    completed_at: instant,
    failed_at: instant,
    expired_at: instant,
    cancelling_at: instant,
    cancelled_at: instant,
    request_counts: z.object({ total: count, completed: count, failed: count }),
    usage: ResponseUsageSchema,
    metadata: z.record(z.string(), z.string()).nullable(),
    paused: z.boolean().describe("An addition to OpenAI's fields, as are the next three."),
    lines_per_second: amount.nullable(),
    estimated_completed_at: instant,
    reason: z.string().nullable().describe("Why no line is answered now; null for a batch that gets answers."),
  })
  .meta({ id: "Batch" });
export type Batch = z.infer<typeof BatchSchema>;

const byId = ["not_found", "unimplemented", "unavailable"] as const;
const changed = { response: BatchSchema, errors: [...byId, "conflict", "out_of_space"] } as const;

export const batchRoutes = {
  createBatch: route("post", "/v1/batches", {
    summary: "Create a batch: each line of the uploaded file is a request, answered while other requests leave room.",
    request: BatchRequestSchema,
    response: BatchSchema,
    headers: { "idempotency-key": "Key chosen by the client. A second request with the key finds the first batch." },
    errors: ["invalid_argument", "payload_too_large", "resource_exhausted", ...changed.errors],
  }),
  listBatches: route("get", "/v1/batches", {
    summary: "Your batches, newest first; with an admin or monitor token, the batches of all clients.",
    response: z
      .object({ object: z.literal("list"), data: z.array(BatchSchema), ...pageShape })
      .meta({ id: "BatchList" }),
    query: {
      limit: `Maximum number of batches, 1 to ${batchLimits.page}; default: ${batchLimits.defaultPage}.`,
      after: "Id of the batch after which the list begins.",
    },
    errors: ["invalid_argument", ...byId],
  }),
  getBatch: route("get", "/v1/batches/:id", { summary: "A batch.", response: BatchSchema, errors: byId }),
  cancelBatch: route("post", "/v1/batches/:id/cancel", {
    summary: "Cancel a batch, any client's with an admin token. Lines that have an answer keep it.",
    ...changed,
  }),
  pauseBatch: route("post", "/v1/batches/:id/pause", { summary: "Pause a batch. Its window still ends.", ...changed }),
  resumeBatch: route("post", "/v1/batches/:id/resume", { summary: "Continue a paused batch.", ...changed }),
};
