// Owns the routes of files and batches as functions, in OpenAI's form with Waggle's additional fields.
import type { CallOptions, Http, JsonRoute } from "./http.ts";

/** A batch as far as Waggle's programs read it. Times are seconds since 1970. */
export interface Batch {
  readonly id: string;
  readonly status: BatchStatus;
  readonly endpoint: string;
  readonly created_at: number;
  readonly errors: { readonly data: readonly BatchMistake[] } | null;
  readonly output_file_id: string | null;
  readonly error_file_id: string | null;
  readonly request_counts: { readonly total: number; readonly completed: number; readonly failed: number };
  readonly usage?: { readonly output_tokens: number } | null;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly paused: boolean;
  /** Null before the first twenty answers. */
  readonly lines_per_second: number | null;
  readonly estimated_completed_at: number | null;
}

type BatchStatus = (typeof statuses)["active" | "ended"][number];

const statuses = {
  active: ["validating", "in_progress", "finalizing", "cancelling"],
  ended: ["completed", "failed", "expired", "cancelled"],
} as const;

interface BatchMistake {
  readonly message: string;
  /** From 1; null for the input as a whole. */
  readonly line: number | null;
}

export interface BatchList {
  /** Newest first. */
  readonly data: readonly Batch[];
  readonly has_more: boolean;
}

export interface WantedBatch {
  readonly input_file_id: string;
  readonly endpoint: string;
  readonly completion_window: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Calls fail with the same errors as the calls of WorkerClient. */
export interface BatchCalls {
  /** Uploads the lines of a batch while they are read. @returns the id of the file */
  upload(lines: AsyncIterable<Uint8Array>, options?: CallOptions): Promise<string>;
  create(wanted: WantedBatch, options?: CallOptions): Promise<Batch>;
  /** All batches that the token may see, newest first; read page by page. */
  list(options?: CallOptions): AsyncIterable<Batch>;
  get(id: string, options?: CallOptions): Promise<Batch>;
  change(id: string, change: "cancel" | "pause" | "resume", options?: CallOptions): Promise<Batch>;
  /** The bytes of a file. */
  content(file: string, signal: AbortSignal): Promise<Response>;
}

export function isEnded({ status }: Pick<Batch, "status">): boolean {
  return statuses.ended.some((one) => one === status);
}

/** Time limit of an upload: 200 MiB over a slow network. */
const uploadTimeoutMs = 3_600_000;
const pageSize = 100;

/** The server is ours, and the fields of its answers are not checked again. */
const unchecked = <T>(method: "get" | "post", path: string): JsonRoute<T> => ({
  ...{ method, path },
  response: { safeParse: (data) => ({ success: true, data: data as T }) },
});

const routes = {
  upload: unchecked<{ readonly id: string }>("post", "/v1/files"),
  create: unchecked<Batch>("post", "/v1/batches"),
  list: unchecked<BatchList>("get", "/v1/batches"),
  get: unchecked<Batch>("get", "/v1/batches/:id"),
  cancel: unchecked<Batch>("post", "/v1/batches/:id/cancel"),
  pause: unchecked<Batch>("post", "/v1/batches/:id/pause"),
  resume: unchecked<Batch>("post", "/v1/batches/:id/resume"),
  content: { method: "get", path: "/v1/files/:id/content" },
} as const;

export function createBatchCalls(http: Http): BatchCalls {
  return {
    async upload(lines, call) {
      const boundary = `waggle-${crypto.randomUUID()}`;
      const upload = {
        type: `multipart/form-data; boundary=${boundary}`,
        bytes: bodyOf(formOf(lines, boundary)),
      };
      return (await http.json(routes.upload, { upload, timeoutMs: uploadTimeoutMs, ...call })).id;
    },
    create: (body, call) => http.json(routes.create, { body, ...call }),
    async *list(call) {
      let after: string | undefined;
      for (;;) {
        const { data, has_more } = await http.json(routes.list, { query: { limit: pageSize, after }, ...call });
        yield* data;
        after = data.at(-1)?.id;
        if (!has_more || after === undefined) return;
      }
    },
    get: (id, call) => http.json(routes.get, { params: { id }, ...call }),
    change: (id, change, call) => http.json(routes[change], { params: { id }, ...call }),
    content: (id, signal) => http.open(routes.content, { params: { id }, accept: "application/octet-stream", signal }),
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
