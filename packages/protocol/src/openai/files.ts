// Owns the answers and the route table of OpenAI's files, which are the input and the results of batches. The shapes follow OpenAI's API reference
// (Files). All routes are served with and without `/v1`.
import { z } from "zod";
import { count, pageShape } from "../fields/values.ts";
import { route } from "../openapi/route-parts.ts";
import { OpenAiErrorSchema } from "./answers.ts";

export const fileLimits = {
  /** Bytes of an uploaded file, as at OpenAI for batches. */
  bytes: 209_715_200,
  nameChars: 255,
  /** Uploads of a client at the same time, message batches included. */
  uploads: 4,
  /** Time until a file expires, in seconds. */
  seconds: { least: 3_600, most: 2_592_000 },
  /** Files in one page of the list. */
  page: 10_000,
} as const;

/** When a file expires. */
export const ExpiresAfterSchema = z.object({
  anchor: z.literal("created_at"),
  seconds: z.int().min(fileLimits.seconds.least).max(fileLimits.seconds.most),
});

/** The code is null for an unknown file or batch, as at OpenAI. */
export const FileErrorSchema = z
  .object({ error: OpenAiErrorSchema.shape.error.extend({ code: z.string().nullable() }) })
  .meta({ id: "FileError" });
export type FileError = z.infer<typeof FileErrorSchema>;

export const FileSchema = z
  .object({
    id: z.string(),
    object: z.literal("file"),
    bytes: count,
    created_at: z.int().describe("Creation time, in seconds since 1970."),
    expires_at: z.int().nullable(),
    filename: z.string().describe("Empty for a monitor, if the file belongs to another client."),
    purpose: z.string().describe("batch, or batch_output for results."),
    status: z.literal("processed"),
  })
  .meta({ id: "File" });
export type FileObject = z.infer<typeof FileSchema>;

const byId = ["not_found", "unimplemented", "unavailable"] as const;

export const fileRoutes = {
  uploadFile: route("post", "/v1/files", {
    summary: `Upload the input of a batch as multipart/form-data: file, a .jsonl file of at most ${fileLimits.bytes} bytes; purpose, which must be batch; and optionally expires_after[anchor] and expires_after[seconds]. A client has at most ${fileLimits.uploads} uploads at the same time.`,
    response: FileSchema,
    errors: [
      "invalid_argument",
      "payload_too_large",
      "resource_exhausted",
      "unimplemented",
      "unavailable",
      "out_of_space",
    ],
  }),
  listFiles: route("get", "/v1/files", {
    summary: "Your files; with an admin or monitor token, the files of all clients.",
    response: z.object({ object: z.literal("list"), data: z.array(FileSchema), ...pageShape }).meta({ id: "FileList" }),
    query: {
      purpose: "Only files with this purpose.",
      limit: `Maximum number of files, 1 to ${fileLimits.page}; default: ${fileLimits.page}.`,
      order: "asc or desc by creation; default: desc.",
      after: "Id of the file after which the list begins.",
    },
    errors: ["invalid_argument", ...byId],
  }),
  getFile: route("get", "/v1/files/:id", { summary: "A file.", response: FileSchema, errors: byId }),
  fileContent: route("get", "/v1/files/:id/content", {
    summary: "The bytes of a file.",
    contentType: "application/octet-stream",
    errors: byId,
  }),
  deleteFile: route("delete", "/v1/files/:id", {
    summary: "Delete a file. A batch keeps its lines.",
    response: z
      .object({ id: z.string(), object: z.literal("file"), deleted: z.literal(true) })
      .meta({ id: "FileDeleted" }),
    errors: byId,
  }),
};
