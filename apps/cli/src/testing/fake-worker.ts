// Owns a scripted worker over HTTP: models are plain data, answers are scripted, and requests are recorded.
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { WaggleError, type ModelEvent, type ModelStatus, type StreamEvent, type WorkerInfo } from "@waggle/protocol";

export interface FakeWorker extends AsyncDisposable {
  readonly url: string;
  /** Method, path and body of each request except for `/v1/info`; a form is text. */
  readonly asked: readonly (readonly [method: string, path: string, body: unknown])[];
}

export interface FakeWorkerScript {
  readonly models?: readonly ModelStatus[];
  /** Answers like a gateway: the list of models has no budget. */
  readonly gateway?: boolean;
  /** Progress events of a load, a swap or a pull. */
  readonly events?: readonly ModelEvent[];
  /** Events of an answer; the stream stays open if they contain no end. */
  readonly answer?: readonly StreamEvent[];
  /**
   * Answers of further routes, by method and path with the query: JSON or bytes. They come before all other answers, also of `/v1/info`. A function is
   * called for each request.
   */
  readonly routes?: Readonly<Record<string, unknown>>;
  /** Error of every route except for `/v1/info`. */
  readonly refusal?: WaggleError;
}

export function modelStatus(name: string, more: Partial<ModelStatus> = {}): ModelStatus {
  return {
    name,
    aliases: [],
    state: "ready",
    source: "download",
    deletable: true,
    pinned: false,
    default: false,
    queued: 0,
    keep_alive_s: 300,
    loads: 1,
    ...more,
  };
}

/** The events of an answer: a token for each word, then the end. */
export function answerEvents(...words: readonly string[]): StreamEvent[] {
  const stream = { stream_id: "j" };
  return [
    { type: "started", ...stream, model: "bee", prompt_tokens: 3, cached_tokens: 0, queue_ms: 1 },
    ...words.map((word, index) => ({ type: "token" as const, ...stream, index, text: word, t_ms: index })),
    {
      type: "end",
      ...stream,
      finish_reason: "stop",
      usage: { prompt_tokens: 3, completion_tokens: words.length, total_tokens: 3 + words.length, cached_tokens: 0 },
      timings: { queue_ms: 1, prefill_ms: 9, decode_ms: 5, total_ms: 15, tokens_per_second: 200 },
    },
  ];
}

export const workerInfo: WorkerInfo = {
  worker_id: "w",
  url: "http://127.0.0.1",
  state: "ready",
  model: "bee",
  backend: "fake",
  version: "0.1.0",
  slots: 8,
  local_mode: true,
  prefill_budget: null,
  max_token_gap_ms: null,
  guesses: true,
  queue_capacity: 64,
  answer_window_ms: 1_800_000,
  uptime_ms: 1,
};

export async function startFakeWorker(script: FakeWorkerScript = {}): Promise<FakeWorker> {
  const asked: [string, string, unknown][] = [];
  const { models = [modelStatus("bee", { default: true })] } = script;

  function answer(method: string, path: string, response: ServerResponse): void {
    const route = script.routes?.[`${method} ${path}`];
    const scripted: unknown = typeof route === "function" ? route() : route;
    if (scripted instanceof WaggleError) {
      response.statusCode = scripted.status;
      return sendJson(response, scripted.toBody());
    }
    if (scripted instanceof Uint8Array) return void response.end(scripted);
    if (scripted !== undefined) return sendJson(response, scripted);
    if (path === "/v1/info") return sendJson(response, workerInfo);
    if (script.refusal !== undefined) {
      response.statusCode = script.refusal.status;
      return sendJson(response, script.refusal.toBody());
    }
    if (path === "/v1/models/status") {
      const budget = { memory: { total: 8 * 2 ** 30, used: 2 ** 30 }, threads: 2 };
      return sendJson(response, { models, ...(script.gateway === true ? {} : { budget }) });
    }
    if (path === "/v1/jobs") return sendJson(response, {});
    const [, job] = /^\/v1\/jobs\/([^/]+)\/stream$/.exec(path) ?? [];
    if (job !== undefined) {
      const events = script.answer ?? answerEvents("Hello", " there");
      return sendEvents(
        response,
        events.map((event) => ({ ...event, stream_id: job })),
      );
    }
    if (method === "DELETE") {
      return sendJson(response, { id: path.split("/").at(-1), object: "model", deleted: true, freed_bytes: 2 ** 20 });
    }
    if (/\/(load|swap|pull)$/.test(path)) return sendEvents(response, script.events ?? []);
    return sendJson(response, models[0]);
  }

  const server = createServer((request, response) => {
    const { method = "", url: path = "" } = request;
    void text(request).then((body) => {
      const isForm = request.headers["content-type"]?.startsWith("multipart/") === true;
      if (path !== "/v1/info") asked.push([method, path, body === "" ? undefined : isForm ? body : JSON.parse(body)]);
      answer(method, path, response);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(body));
}

function sendEvents(response: ServerResponse, events: readonly { readonly type: string }[]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`);
  const last = events.at(-1)?.type;
  if (last === "end" || last === "done") response.end("data: [DONE]\n\n");
  else if (last === "error") response.end();
}
