// Owns the routes of files and batches as functions, in OpenAI's form with Waggle's additional fields.
import { batchRoutes, fileRoutes, type Batch, type BatchRequest } from "@waggle/protocol";
import type { CallOptions, Http } from "./http.ts";

/** The server checks the endpoint. */
export type WantedBatch = Omit<BatchRequest, "endpoint"> & { readonly endpoint: string };

/** Calls fail with the same errors as the calls of WorkerClient. */
export interface BatchCalls {
  /** Uploads the lines of a batch while they are read. @returns the id of the file */
  upload(lines: AsyncIterable<Uint8Array>, options?: CallOptions): Promise<string>;
  create(wanted: WantedBatch, options?: CallOptions): Promise<Batch>;
  /** All batches that the token may see, newest first; read page by page. */
  list(options?: CallOptions): AsyncIterable<Batch>;
  get(id: string, options?: CallOptions): Promise<Batch>;
  change(id: string, change: keyof typeof changes, options?: CallOptions): Promise<Batch>;
  /** The bytes of a file. */
  content(file: string, signal: AbortSignal): Promise<Response>;
}

export function isEnded({ status }: Pick<Batch, "status">): boolean {
  return ["completed", "failed", "expired", "cancelled"].includes(status);
}

/** Time limit of an upload: 200 MiB over a slow network. */
const uploadTimeoutMs = 3_600_000;
const pageSize = 100;

const changes = { cancel: batchRoutes.cancelBatch, pause: batchRoutes.pauseBatch, resume: batchRoutes.resumeBatch };

export function createBatchCalls(http: Http): BatchCalls {
  return {
    async upload(lines, call) {
      const boundary = `waggle-${crypto.randomUUID()}`;
      const upload = {
        type: `multipart/form-data; boundary=${boundary}`,
        bytes: bodyOf(formOf(lines, boundary)),
      };
      return (await http.json(fileRoutes.uploadFile, { upload, timeoutMs: uploadTimeoutMs, ...call })).id;
    },
    create: (body, call) => http.json(batchRoutes.createBatch, { body, ...call }),
    async *list(call) {
      let after: string | undefined;
      for (;;) {
        const { data, has_more } = await http.json(batchRoutes.listBatches, {
          query: { limit: pageSize, after },
          ...call,
        });
        yield* data;
        after = data.at(-1)?.id;
        if (!has_more || after === undefined) return;
      }
    },
    get: (id, call) => http.json(batchRoutes.getBatch, { params: { id }, ...call }),
    change: (id, change, call) => http.json(changes[change], { params: { id }, ...call }),
    content: (id, signal) =>
      http.open(fileRoutes.fileContent, { params: { id }, accept: "application/octet-stream", signal }),
  };
}

/** A form with the purpose and the file, as RFC 7578 describes it. */
async function* formOf(lines: AsyncIterable<Uint8Array>, boundary: string): AsyncGenerator<Uint8Array> {
  const utf8 = new TextEncoder();
  const part = (name: string): string => `--${boundary}\r\ncontent-disposition: form-data; name=${name}`;
  yield utf8.encode(`${part('"purpose"')}\r\n\r\nbatch\r\n${part('"file"; filename="lines.jsonl"')}\r\n`);
  yield utf8.encode("content-type: application/jsonl\r\n\r\n");
  yield* lines;
  yield utf8.encode(`\r\n--${boundary}--\r\n`);
}

/** `ReadableStream.from`, which browsers do not have. */
function bodyOf(pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: async () => void (await pieces.return(undefined)),
  });
}
