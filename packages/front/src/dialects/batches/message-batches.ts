// Owns the routes of Anthropic's message batches. Their contract is in apps/worker/src/contracts/batches.
import { batchHasEnded } from "@waggle/jobs";
import type { BatchView, ListedBatch, Receiving } from "@waggle/jobs";
import { WaggleError, messageBatchLimits, messageBatchRoutes, refuseField } from "@waggle/protocol";
import type { ErrorCode, MessageBatch } from "@waggle/protocol";
import { bodyChunks } from "../../body/body.ts";
import { limitIn, pageOf } from "../../body/page.ts";
import { routesOf } from "../../generation/dialect.ts";
import type { Dialect, Handler } from "../../generation/dialect.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";
import type { StreamCounter } from "../../stream/stream-counter.ts";
import { anthropicError } from "../anthropic/errors.ts";
import {
  batchIn,
  batchesIn,
  idempotencyKeyOf,
  isHidden,
  laneOf,
  listedOwnerOf,
  ownerOf,
  readerOf,
} from "../files/owners.ts";
import { readMessageRequest } from "./lines.ts";
import { createRequestSplitter } from "./split-requests.ts";

const windowMs = 86_400_000;

export function createMessageBatchesDialect(options: AppOptions, uploads: StreamCounter): Dialect {
  const routes = routesOf(messageBatchRoutes, createRoutes(options, uploads));
  return {
    name: "message batches",
    routes: routes.map(({ handler, ...route }) => ({
      ...route,
      handler: (c) => {
        c.header("request-id", c.get("requestId"));
        return handler(c);
      },
    })),
    prefixes: [],
    errorBody: anthropicError,
  };
}

function createRoutes(options: AppOptions, uploads: StreamCounter): Record<keyof typeof messageBatchRoutes, Handler> {
  const find = (c: AppContext): Promise<BatchView> => batchIn(c, laneOf(options), "anthropic", ownerOf(c));

  return {
    async createMessageBatch(c) {
      const { files, batches, maxWindowMs } = laneOf(options);
      const client = c.get("client");
      const idempotencyKey = idempotencyKeyOf(c);
      options.accounts.admitBatch(client);
      const release = uploads.reserve(client);
      let input: Receiving | undefined;
      try {
        input = await files.receive(client, messageBatchLimits.bytes);
        await receiveRequests(c, input);
        const view = await batches.create({
          ...{ client, dialect: "anthropic", endpoint: "/v1/messages", input, metadata: null, idempotencyKey },
          windowMs: Math.min(windowMs, maxWindowMs),
        });
        return c.json(messageBatchOf(view, c));
      } finally {
        // Does nothing for the requests of a batch.
        await input?.abort();
        release();
      }
    },
    async listMessageBatches(c) {
      const listed = await batchesIn(laneOf(options), "anthropic", listedOwnerOf(c));
      const limit = limitIn(c.req.query("limit"), messageBatchLimits.defaultPage, messageBatchLimits.page);
      const before = c.req.query("before_id");
      const shown = async (page: readonly ListedBatch[]): Promise<readonly MessageBatch[]> =>
        await Promise.all(page.map(async ({ view }) => messageBatchOf(await view(), c)));
      if (before === undefined) {
        const page = pageOf(listed, { limit, after: c.req.query("after_id") });
        return c.json({ ...page, data: await shown(page.data) });
      }
      // The page that ends before an item is the page after it in the opposite order.
      const { data, first_id, last_id, has_more } = pageOf(listed.toReversed(), { limit, after: before });
      return c.json({ data: await shown(data.toReversed()), has_more, first_id: last_id, last_id: first_id });
    },
    getMessageBatch: async (c) => c.json(messageBatchOf(await find(c), c)),
    async deleteMessageBatch(c) {
      const { id } = (await find(c)).record;
      const { batches } = laneOf(options);
      await batches.remove(id, ownerOf(c)).catch(instead("conflict", "invalid_argument"));
      return c.json({ id, type: "message_batch_deleted" });
    },
    async cancelMessageBatch(c) {
      const view = await find(c);
      const { id } = view.record;
      const isOver = batchHasEnded(view.record);
      return c.json(messageBatchOf(isOver ? view : await laneOf(options).batches.cancel(id, ownerOf(c)), c));
    },
    async messageBatchResults(c) {
      const lane = laneOf(options);
      const owner = readerOf(c, options);
      const { id } = (await batchIn(c, lane, "anthropic", owner)).record;
      const results = await lane.batches.results(id, owner).catch(instead("conflict", "not_found"));
      return c.body(results, 200, { "content-type": "application/x-jsonl" });
    },
  };
}

/** Anthropic's API has no status for a conflict. */
function instead(code: ErrorCode, other: ErrorCode): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof WaggleError) || error.code !== code) throw error;
    throw new WaggleError(other, error.message);
  };
}

/** Writes each of the requests as a line while the body arrives. @throws WaggleError invalid_argument, payload_too_large, out_of_space */
async function receiveRequests(c: AppContext, receiving: Receiving): Promise<void> {
  const splitter = createRequestSplitter(c.get("maxBodyBytes"));
  const { requests: mostRequests } = messageBatchLimits;
  const ids = new Set<string>();
  for await (const chunk of bodyChunks(c, messageBatchLimits.bytes)) {
    await c.get("pace")(chunk.byteLength);
    const lines: string[] = [];
    for (const element of splitter.write(chunk)) {
      const field = `requests.${ids.size}`;
      if (ids.size === mostRequests) {
        const why = `it has more than ${mostRequests} requests`;
        throw new WaggleError("payload_too_large", `Cannot accept the batch: ${why}.`);
      }
      const text = textOf(element, field);
      const line = readMessageRequest(text, ids.size + 1);
      if ("code" in line) throw refuseField(line.param === null ? field : `${field}.${line.param}`, line.message);
      if (ids.has(line.customId)) throw refuseField(`${field}.custom_id`, "an earlier request has it");
      ids.add(line.customId);
      lines.push(`${text.replaceAll(/[\r\n]/g, " ")}\n`);
    }
    if (lines.length > 0) await receiving.write(Buffer.from(lines.join("")));
  }
  splitter.end();
}

/** @throws WaggleError invalid_argument */
function textOf(bytes: Uint8Array, field: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refuseField(field, "not UTF-8");
  }
}

function messageBatchOf({ record, counts, reason }: BatchView, c: AppContext): MessageBatch {
  const { id, status, at, total } = record;
  const ended = batchHasEnded(record);
  const only = (isSo: boolean, count: number): number => (isSo ? count : 0);
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
  const results = new URL(`/v1/messages/batches/${id}/results`, c.req.url);
  // Clients send their token to this URL.
  if (c.req.header("x-forwarded-proto") === "https") results.protocol = "https:";
  return {
    id,
    type: "message_batch",
    processing_status: ended ? "ended" : status === "cancelling" ? "canceling" : "in_progress",
    request_counts: {
      processing: only(!ended, total),
      succeeded: only(ended, counts.completed),
      errored: status === "failed" ? total : only(ended, counts.failed),
      canceled: only(status === "cancelled", counts.unanswered),
      expired: only(status === "expired", counts.unanswered),
    },
    ended_at: time(at.completed ?? at.failed ?? at.expired ?? at.cancelled),
    created_at: new Date(record.createdAt).toISOString(),
    expires_at: new Date(record.expiresAt).toISOString(),
    archived_at: null,
    cancel_initiated_at: time(at.cancelling),
    results_url: ended && status !== "failed" ? results.href : null,
    reason: isHidden(c, record.client) ? null : (reason ?? null),
  };
}
