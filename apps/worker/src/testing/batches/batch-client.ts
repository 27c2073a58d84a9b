// Owns a lane in a temporary folder, and requests to the routes of files and batches, for their contracts.
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@waggle/async";
import { createLane } from "@waggle/jobs";
import type { AnswerLine, DaemonLane, Line } from "@waggle/jobs";
import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { afterEach, expect } from "vitest";
import type { InlineWorkerOptions } from "../inline-worker.ts";
import { useInlineWorker } from "../use-worker.ts";
import type { Json, UsedInlineWorker } from "../use-worker.ts";

type Headers = Readonly<Record<string, string>>;

/** Called for each line that the lane asks for. @param ask asks the worker */
export type OnLine = (line: Line, ask: () => ReturnType<AnswerLine>) => ReturnType<AnswerLine>;

export interface BatchClient extends UsedInlineWorker {
  /** Starts a worker with a lane. */
  open(options?: InlineWorkerOptions, onLine?: OnLine): void;
  /** Number of files that arrive. */
  arriving(): number;
  /** Sends the parts in their order; a part of a file is `[name, text, filename]`. */
  upload(parts: readonly Part[], headers?: Headers): Promise<Response>;
  /** Uploads a file for a batch. @returns its id */
  inputFile(text: string, headers?: Headers): Promise<string>;
  /** Uploads the lines and creates a batch of them. @returns the batch at its end */
  batch(lines: readonly unknown[], more?: object, headers?: Headers): Promise<Json>;
  /** The batch, or message batch, at its end. @param path of the batch */
  ended(path: string, headers?: Headers): Promise<Json>;
  /** The lines of a file, or of the results of a message batch, by their custom ids. */
  linesAt(path: string, headers?: Headers): Promise<readonly Json[]>;
}

export type Part = readonly [name: string, text: string, filename?: string];

const hourMs = 3_600_000;
const endMs = 10_000;

export function useBatches(): BatchClient {
  const used = useInlineWorker();
  let folder = "";
  let lane: DaemonLane | undefined;
  afterEach(async () => await lane?.close());

  async function upload(parts: readonly Part[], headers: Headers = {}): Promise<Response> {
    const form = new FormData();
    for (const [name, text, filename] of parts) {
      if (filename === undefined) form.append(name, text);
      else form.append(name, new Blob([text]), filename);
    }
    const { body, headers: own } = new Response(form);
    return await used.call("POST", "/v1/files", body, { "content-type": own.get("content-type") ?? "", ...headers });
  }

  const client: BatchClient = {
    ...used,
    open(options = {}, onLine = async (_, ask) => await ask()) {
      folder = mkdtempSync(join(tmpdir(), "waggle-batches-"));
      const made = createLane({
        ...{ folder: join(folder, "batches"), maxWindowMs: 72 * hourMs, maxLineBytes: 1_000_000 },
        ...{ clock: systemClock, now: Date.now, metrics: createWorkerMetrics() },
        log: createLogger({ level: "silent", format: "json", name: "test" }),
        lock: async () => ({ release: () => {} }),
        limits: { freeBytes: 0 },
      });
      lane = made;
      used.start({
        ...options,
        lane: {
          ...made,
          attend: (front) =>
            made.attend({
              ...front,
              answer: (line, ...more) => onLine(line, () => front.answer(line, ...more)),
            }),
        },
      });
    },
    arriving() {
      const parts = join(folder, "batches", "parts");
      return existsSync(parts) ? readdirSync(parts).length : 0;
    },
    upload,
    async inputFile(text, headers) {
      const parts: readonly Part[] = [
        ["purpose", "batch"],
        ["file", text, "a.jsonl"],
      ];
      return ((await (await upload(parts, headers)).json()) as { id: string }).id;
    },
    async batch(lines, more = {}, headers = {}) {
      const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
      const input = await client.inputFile(text, headers);
      const { id } = await used.answerOf("/v1/batches", batchRequest(input, more), headers);
      return await client.ended(`/v1/batches/${String(id)}`, headers);
    },
    async ended(path, headers) {
      const isOver = async (): Promise<unknown> => {
        const { status, processing_status } = await used.read(path, headers);
        return ["completed", "failed", "cancelled", "ended"].includes(String(status ?? processing_status));
      };
      await expect.poll(isOver, { timeout: endMs, interval: 10 }).toBe(true);
      return await used.read(path, headers);
    },
    async linesAt(path, headers = {}) {
      const text = await (await used.get(path, headers)).text();
      return text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Json)
        .toSorted((a, b) => String(a["custom_id"]).localeCompare(String(b["custom_id"])));
    },
  };
  return client;
}

/** The body of a request that creates a batch. @param input id of the file */
export function batchRequest(input: string, more: object = {}): Json {
  return { input_file_id: input, endpoint: "/v1/chat/completions", completion_window: "24h", ...more };
}

/** The status, the retry header and the error of a refusal in OpenAI's form. */
export async function refusal(response: Response | Promise<Response>): Promise<Json> {
  const { status, headers } = await response;
  const { error } = (await (await response).json()) as { error: Json };
  return { status, retry: headers.get("x-should-retry"), ...error };
}

/** A line for a chat. */
export function chatLine(customId: string, more: object = {}): Json {
  const body = { messages: [{ role: "user", content: `Say ${customId}.` }], max_tokens: 4, ...more };
  return { custom_id: customId, method: "POST", url: "/v1/chat/completions", body };
}
