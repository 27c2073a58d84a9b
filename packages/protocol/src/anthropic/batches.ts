// Owns the requests, the answers and the route table of Anthropic's message batches. The shapes follow Anthropic's API reference (Message Batches).
import { z } from "zod";
import { count, json, pageShape } from "../fields/values.ts";
import { route } from "../openapi/route-parts.ts";

export const messageBatchLimits = {
  requests: 100_000,
  /** Bytes of a request that creates a batch. */
  bytes: 268_435_456,
  /** Batches in one page of the list, and by default. */
  page: 1_000,
  defaultPage: 20,
} as const;

export const MessageBatchRequestSchema = z
  .object({
    requests: z
      .array(
        z.object({
          custom_id: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, "must have 1 to 64 letters, digits, _ or -"),
          params: json.describe("A request to /v1/messages. It is checked when it is answered."),
        }),
      )
      .min(1, "must not be empty")
      .max(messageBatchLimits.requests),
  })
  .meta({ id: "MessageBatchRequest" });

const instant = z.iso.datetime().nullable();

export const MessageBatchSchema = z
  .object({
    id: z.string(),
    type: z.literal("message_batch"),
    processing_status: z.enum(["in_progress", "canceling", "ended"]),
    request_counts: z
      .object({ processing: count, succeeded: count, errored: count, canceled: count, expired: count })
      .describe("All requests count as processing until the batch has ended."),
    ended_at: instant,
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    archived_at: z.null(),
    cancel_initiated_at: instant,
    results_url: z.string().nullable(),
    reason: z.string().nullable().describe("An addition: why no request is answered now."),
  })
  .meta({ id: "MessageBatch" });
export type MessageBatch = z.infer<typeof MessageBatchSchema>;

const byId = ["not_found", "unimplemented", "unavailable"] as const;

export const messageBatchRoutes = {
  createMessageBatch: route("post", "/v1/messages/batches", {
    summary: `Create a batch of requests to /v1/messages, at most ${messageBatchLimits.bytes} bytes. Each request is answered while other requests leave room.`,
    request: MessageBatchRequestSchema,
    response: MessageBatchSchema,
    headers: { "idempotency-key": "Key chosen by the client. A second request with the key finds the first batch." },
    errors: [
      "invalid_argument",
      "conflict",
      "payload_too_large",
      "resource_exhausted",
      "unimplemented",
      "unavailable",
      "out_of_space",
    ],
  }),
  listMessageBatches: route("get", "/v1/messages/batches", {
    summary: "Your message batches, newest first; with an admin or monitor token, those of all clients.",
    response: z.object({ data: z.array(MessageBatchSchema), ...pageShape }).meta({ id: "MessageBatchList" }),
    query: {
      limit: `Maximum number of batches, 1 to ${messageBatchLimits.page}; default: ${messageBatchLimits.defaultPage}.`,
      before_id: "Id of the batch before which the page ends.",
      after_id: "Id of the batch after which the page begins.",
    },
    errors: ["invalid_argument", ...byId],
  }),
  getMessageBatch: route("get", "/v1/messages/batches/:id", {
    summary: "A message batch.",
    response: MessageBatchSchema,
    errors: byId,
  }),
  deleteMessageBatch: route("delete", "/v1/messages/batches/:id", {
    summary: "Delete a message batch that has ended, with its results.",
    response: z
      .object({ id: z.string(), type: z.literal("message_batch_deleted") })
      .meta({ id: "MessageBatchDeleted" }),
    errors: ["invalid_argument", ...byId],
  }),
  cancelMessageBatch: route("post", "/v1/messages/batches/:id/cancel", {
    summary: "Cancel a message batch. Requests that have an answer keep it.",
    response: MessageBatchSchema,
    errors: [...byId, "out_of_space"],
  }),
  messageBatchResults: route("get", "/v1/messages/batches/:id/results", {
    summary: "The results of a message batch that has ended, a line for each request, in any order.",
    contentType: "application/x-jsonl",
    errors: byId,
  }),
};
