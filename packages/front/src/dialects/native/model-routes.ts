// Owns the native routes that list and change models.
import {
  LoadModelRequestSchema,
  PinModelRequestSchema,
  PullModelRequestSchema,
  SwapModelRequestSchema,
  UnloadModelRequestSchema,
  keepAliveMs,
} from "@waggle/protocol";
import type { modelRoutes } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import type { AppContext, AppOptions, ModelChange } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";
import { eventChunks } from "../../stream/event-chunks.ts";
import { requireAdmin } from "../../access/require-admin.ts";
import { streamResponse } from "../../stream/stream-response.ts";
import { encodingOf } from "./encoding.ts";

export function createModelRoutes(options: AppOptions): Record<keyof typeof modelRoutes, Handler> {
  const { clock, control, limits, models } = options;

  /** Streams the progress of the change until its end. If the client leaves, the change continues. */
  function follow(c: AppContext, change: ModelChange): Response {
    const encoding = encodingOf(c);
    const chunks = eventChunks({
      events: change.watch(),
      clock,
      pingIntervalMs: limits.pingIntervalMs,
      chunk: (event) => encoding.event(event) + (event.type === "done" ? encoding.done : ""),
      ping: () => encoding.ping,
      isLast: ({ type }) => type !== "progress",
    });
    return streamResponse(c, chunks, encoding.headers);
  }

  return {
    modelStatuses: (c) => c.json(models.statuses()),
    async loadModel(c) {
      const { model, keep_alive: keepAlive } = await readBody(c, LoadModelRequestSchema);
      requireAdmin(c);
      return follow(c, control.load(model, keepAlive === undefined ? undefined : keepAliveMs(keepAlive)));
    },
    async unloadModel(c) {
      const { model } = await readBody(c, UnloadModelRequestSchema);
      requireAdmin(c);
      return c.json(await control.unload(model));
    },
    async pinModel(c) {
      const { model, pinned } = await readBody(c, PinModelRequestSchema);
      requireAdmin(c);
      return c.json(control.pin(model, pinned));
    },
    async swapModel(c) {
      const body = await readBody(c, SwapModelRequestSchema);
      requireAdmin(c);
      return follow(c, await control.swap(body.model, body.reference, { unloadFirst: body.unload_first }));
    },
    async pullModel(c) {
      const { reference, name, projector } = await readBody(c, PullModelRequestSchema);
      requireAdmin(c);
      return follow(c, control.pull(reference, name, projector).change);
    },
    async downloads(c) {
      // The reason of a failed download may name folders.
      requireAdmin(c);
      return c.json({ downloads: await control.downloads() });
    },
    async stopDownload(c) {
      requireAdmin(c);
      return c.json({ stopped: await control.stopDownload(c.req.param("id") ?? "") });
    },
    async deleteModel(c) {
      requireAdmin(c);
      const id = c.req.param("id") ?? "";
      return c.json({ id, object: "model", deleted: true, freed_bytes: await control.remove(id) });
    },
  };
}
