// Owns requests to the routes of files and batches, for their contracts.
import { createFakeLane } from "./fake-lane.ts";
import type { FakeLane, FakeLaneOptions } from "./fake-lane.ts";
import type { InlineWorkerOptions } from "../inline-worker.ts";
import { useInlineWorker } from "../use-worker.ts";
import type { Json, UsedInlineWorker } from "../use-worker.ts";

type Headers = Readonly<Record<string, string>>;

export interface BatchClient extends UsedInlineWorker {
  /** Starts a worker with a lane. */
  open(options?: InlineWorkerOptions, lane?: FakeLaneOptions): FakeLane;
  /** Sends the parts in their order; a part of a file is `[name, text, filename]`. */
  upload(parts: readonly Part[], headers?: Headers): Promise<Response>;
  /** Uploads the lines and creates a batch of them, which has ended if no line waits. */
  batch(lines: readonly unknown[], more?: object, headers?: Headers): Promise<Json>;
  /** The lines of a file, or of the results of a message batch. */
  linesAt(path: string, headers?: Headers): Promise<readonly Json[]>;
}

export type Part = readonly [name: string, text: string, filename?: string];

export function useBatches(): BatchClient {
  const used = useInlineWorker();
  let lane: FakeLane | undefined;

  async function upload(parts: readonly Part[], headers: Headers = {}): Promise<Response> {
    const form = new FormData();
    for (const [name, text, filename] of parts) {
      if (filename === undefined) form.append(name, text);
      else form.append(name, new Blob([text]), filename);
    }
    const { body, headers: own } = new Response(form);
    return await used.call("POST", "/v1/files", body, { "content-type": own.get("content-type") ?? "", ...headers });
  }

  return {
    ...used,
    open(options = {}, laneOptions = {}) {
      lane = createFakeLane(laneOptions);
      used.start({ ...options, lane });
      return lane;
    },
    upload,
    async batch(lines, more = {}, headers = {}) {
      const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
      const file = (await (
        await upload(
          [
            ["purpose", "batch"],
            ["file", text, "a.jsonl"],
          ],
          headers,
        )
      ).json()) as Json;
      const body = { input_file_id: file["id"], endpoint: "/v1/chat/completions", completion_window: "24h", ...more };
      const { id } = await used.answerOf("/v1/batches", body, headers);
      await lane?.idle();
      return await used.read(`/v1/batches/${String(id)}`, headers);
    },
    async linesAt(path, headers = {}) {
      const text = await (await used.get(path, headers)).text();
      return text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Json);
    },
  };
}

/** A line for a chat. */
export function chatLine(customId: string, more: object = {}): Json {
  const body = { messages: [{ role: "user", content: `Say ${customId}.` }], max_tokens: 4, ...more };
  return { custom_id: customId, method: "POST", url: "/v1/chat/completions", body };
}
