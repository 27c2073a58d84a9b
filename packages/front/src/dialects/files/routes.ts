// Owns the routes of OpenAI's files. Their contract is in apps/worker/src/contracts/batches.
import type { KeptFile } from "@waggle/jobs";
import { WaggleError, fileLimits, fileRoutes, pathsOf } from "@waggle/protocol";
import type { FileObject } from "@waggle/protocol";
import { limitIn, orderIn, pageOf } from "../../body/page.ts";
import { routesOf } from "../../generation/dialect.ts";
import type { Dialect, Handler } from "../../generation/dialect.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";
import type { StreamCounter } from "../../stream/stream-counter.ts";
import { anthropicError } from "../anthropic/errors.ts";
import { fileError } from "./errors.ts";
import { isHidden, laneOf, listedOwnerOf, ownerOf, readerOf } from "./owners.ts";
import { receiveFile } from "./receive-file.ts";

export function createFilesDialect(options: AppOptions, uploads: StreamCounter): Dialect {
  const dialect: Dialect = {
    name: "files",
    routes: routesOf(fileRoutes, createRoutes(options, uploads), pathsOf).map(({ handler, ...route }) => ({
      ...route,
      handler: (c) => {
        refuseAnthropic(c, dialect);
        return handler(c);
      },
    })),
    prefixes: [],
    errorBody: fileError,
  };
  return dialect;
}

/** Anthropic's files have the same paths and other shapes. @throws WaggleError unimplemented */
function refuseAnthropic(c: AppContext, dialect: Dialect): void {
  if (c.req.header("anthropic-version") === undefined) return;
  c.set("dialect", { ...dialect, errorBody: anthropicError });
  throw new WaggleError("unimplemented", "Cannot use Anthropic's files: send their content in the request.");
}

function createRoutes(options: AppOptions, uploads: StreamCounter): Record<keyof typeof fileRoutes, Handler> {
  const idOf = (c: AppContext): string => c.req.param("id") ?? "";

  return {
    async uploadFile(c) {
      const { files } = laneOf(options);
      const release = uploads.reserve(c.get("client"));
      try {
        return c.json(fileOf(await receiveFile(c, files)));
      } finally {
        release();
      }
    },
    async listFiles(c) {
      const kept = await laneOf(options).files.list(listedOwnerOf(c));
      const purpose = c.req.query("purpose");
      const found = purpose === undefined ? kept : kept.filter((file) => file.purpose === purpose);
      const ordered = orderIn(c.req.query("order")) === "asc" ? found.toReversed() : found;
      const limit = limitIn(c.req.query("limit"), fileLimits.page, fileLimits.page);
      const page = pageOf(ordered, { limit, after: c.req.query("after") });
      const shown = (file: KeptFile): KeptFile => (isHidden(c, file.client) ? { ...file, filename: "" } : file);
      return c.json({ object: "list", ...page, data: page.data.map((file) => fileOf(shown(file))) });
    },
    getFile: async (c) => c.json(fileOf(await laneOf(options).files.get(idOf(c), ownerOf(c)))),
    async fileContent(c) {
      const content = await laneOf(options).files.read(idOf(c), readerOf(c, options));
      return c.body(content, 200, { "content-type": "application/octet-stream" });
    },
    async deleteFile(c) {
      await laneOf(options).files.remove(idOf(c), ownerOf(c));
      return c.json({ id: idOf(c), object: "file", deleted: true });
    },
  };
}

function fileOf({ id, bytes, createdAt, expiresAt, filename, purpose }: KeptFile): FileObject {
  const created = Math.floor(createdAt / 1_000);
  return {
    id,
    object: "file",
    bytes,
    created_at: created,
    expires_at: expiresAt === Infinity ? null : created + Math.round((expiresAt - createdAt) / 1_000),
    filename,
    purpose,
    status: "processed",
  };
}
