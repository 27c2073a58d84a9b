// Owns the routes of OpenAI's batches. Their contract is in apps/worker/src/contracts/batches.
import type { BatchView, Lane, ListedBatch } from "@waggle/jobs";
import { BatchRequestSchema, WaggleError, batchLimits, batchRoutes, pathsOf, refuseField } from "@waggle/protocol";
import type { Batch } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import { limitIn, pageOf } from "../../body/page.ts";
import { routesOf } from "../../generation/dialect.ts";
import type { Dialect, Handler } from "../../generation/dialect.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";
import { fileError } from "../files/errors.ts";
import { batchIn, batchesIn, idempotencyKeyOf, isHidden, laneOf, listedOwnerOf, ownerOf } from "../files/owners.ts";
import { batchOf } from "./batch-object.ts";

const hourMs = 3_600_000;

export function createBatchesDialect(options: AppOptions): Dialect {
  return {
    name: "batches",
    routes: routesOf(batchRoutes, createRoutes(options), pathsOf),
    prefixes: [],
    errorBody: fileError,
  };
}

function createRoutes(options: AppOptions): Record<keyof typeof batchRoutes, Handler> {
  const change = (act: (lane: Lane, id: string, c: AppContext) => Promise<BatchView>): Handler => {
    return async (c) => {
      const lane = laneOf(options);
      const { record } = await batchIn(c, lane, "openai", ownerOf(c));
      return c.json(batchOf(await act(lane, record.id, c)));
    };
  };

  return {
    async createBatch(c) {
      const lane = laneOf(options);
      const body = await readBody(c, BatchRequestSchema);
      const client = c.get("client");
      const idempotencyKey = idempotencyKeyOf(c);
      const windowMs = Number.parseInt(body.completion_window, 10) * hourMs;
      if (windowMs > lane.maxWindowMs) {
        throw refuseField("completion_window", `must be at most ${Math.floor(lane.maxWindowMs / hourMs)}h`);
      }
      await checkInput(lane, body.input_file_id, client);
      options.accounts.admitBatch(client);
      const view = await lane.batches.create({
        client,
        dialect: "openai",
        endpoint: body.endpoint,
        input: body.input_file_id,
        metadata: body.metadata ?? null,
        outputSeconds: body.output_expires_after?.seconds,
        windowMs,
        idempotencyKey,
      });
      return c.json(batchOf(view));
    },
    async listBatches(c) {
      const listed = await batchesIn(laneOf(options), "openai", listedOwnerOf(c));
      const limit = limitIn(c.req.query("limit"), batchLimits.defaultPage, batchLimits.page);
      const page = pageOf(listed, { limit, after: c.req.query("after") });
      const shown = async ({ record, view }: ListedBatch): Promise<Batch> => {
        const batch = batchOf(await view());
        return isHidden(c, record.client) ? { ...batch, metadata: null, errors: null, reason: null } : batch;
      };
      return c.json({ object: "list", ...page, data: await Promise.all(page.data.map(shown)) });
    },
    getBatch: async (c) => c.json(batchOf(await batchIn(c, laneOf(options), "openai", ownerOf(c)))),
    cancelBatch: change(({ batches }, id, c) => batches.cancel(id, ownerOf(c))),
    pauseBatch: change(({ batches }, id, c) => batches.pause(id, ownerOf(c), true)),
    resumeBatch: change(({ batches }, id, c) => batches.pause(id, ownerOf(c), false)),
  };
}

/** @throws WaggleError not_found, invalid_argument, which name the field */
async function checkInput({ files }: Lane, id: string, client: string): Promise<void> {
  const field = "input_file_id";
  const file = await files.get(id, client).catch((error: unknown) => {
    const { code, message } = WaggleError.from(error);
    if (code !== "not_found") throw error;
    throw new WaggleError(code, message, { details: { problems: [{ field, problem: message }] } });
  });
  if (file.purpose !== "batch") throw refuseField(field, "the purpose of the file is not batch");
}
