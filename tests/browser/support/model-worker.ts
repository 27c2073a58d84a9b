// Owns a worker with several models for tests of the pages. It is a real worker except for the routes of models, which the test answers. Requests and
// answers are checked against the protocol's schemas.
import { createServer, request as sendRequest } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { AddressInfo } from "node:net";
import { DownloadsSchema, ErrorBodySchema, ModelEventSchema, ModelStatusesSchema, modelRoutes } from "@waggle/protocol";
import type { Download, ModelEvent, ModelStatus, ModelStatuses, WaggleError } from "@waggle/protocol";

type ChangeRoute =
  | "loadModel"
  | "unloadModel"
  | "pinModel"
  | "swapModel"
  | "pullModel"
  | "deleteModel"
  | "stopDownload";

/** A request for a change of a model, which the test answers. */
export interface AskedChange {
  readonly route: ChangeRoute;
  readonly path: string;
  readonly body: unknown;
  send(event: ModelEvent): void;
  answer(body: object): void;
  refuse(error: WaggleError): void;
  /** Resolves when the page closes the request. */
  readonly left: Promise<void>;
}

export interface ModelWorker extends AsyncDisposable {
  readonly url: string;
  /** Sets the answer of `GET /v1/models/status`. */
  tell(statuses: ModelStatuses): void;
  /** Sets the answer of `GET /v1/downloads`; at first an empty list. */
  tellDownloads(downloads: readonly Download[]): void;
  /** Resolves with the next change that the page requests. */
  next(): Promise<AskedChange>;
  /** Bodies of `POST /v1/jobs` so far. */
  readonly jobs: readonly Record<string, unknown>[];
}

export async function openModelWorker(workerUrl: string, first: ModelStatuses): Promise<ModelWorker> {
  let statuses = ModelStatusesSchema.parse(first);
  let downloads = DownloadsSchema.parse({ downloads: [] });
  const jobs: Record<string, unknown>[] = [];
  const asked: AskedChange[] = [];
  const waiting: ((change: AskedChange) => void)[] = [];

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const path = new URL(request.url ?? "/", workerUrl).pathname;
    if (request.method === "GET" && path === modelRoutes.modelStatuses.path) return answer(response, statuses);
    if (request.method === "GET" && path === modelRoutes.downloads.path) return answer(response, downloads);
    const route = routeOf(request.method ?? "", path);
    if (route === undefined) return pass(workerUrl, request, body, response, jobs);
    const change = changeOf(route, path, body, response);
    const taker = waiting.shift();
    if (taker === undefined) asked.push(change);
    else taker(change);
  }

  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    jobs,
    tell: (next) => void (statuses = ModelStatusesSchema.parse(next)),
    tellDownloads: (next) => void (downloads = DownloadsSchema.parse({ downloads: next })),
    next: () => {
      const change = asked.shift();
      return change === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(change);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function routeOf(method: string, path: string): ChangeRoute | undefined {
  if (method === "DELETE" && path.startsWith("/v1/models/")) return "deleteModel";
  if (method === "DELETE" && path.startsWith("/v1/downloads/")) return "stopDownload";
  const routes = ["loadModel", "unloadModel", "pinModel", "swapModel", "pullModel"] as const;
  return method === "POST" ? routes.find((name) => modelRoutes[name].path === path) : undefined;
}

function changeOf(route: ChangeRoute, path: string, body: string, response: ServerResponse): AskedChange {
  const definition = modelRoutes[route];
  const asked = "request" in definition ? definition.request.parse(JSON.parse(body)) : undefined;
  return {
    route,
    path,
    body: asked,
    send(event) {
      if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`data: ${JSON.stringify(ModelEventSchema.parse(event))}\n\n`);
      if (event.type !== "progress") response.end();
    },
    answer(value) {
      if (!("response" in definition)) throw new Error(`Cannot answer ${route} at once: it is a stream`);
      answer(response, definition.response.parse(value));
    },
    refuse: (error) => answer(response, ErrorBodySchema.parse(error.toBody()), error.status),
    left: new Promise((resolve) => response.once("close", resolve)),
  };
}

function answer(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** Passes a request to the real worker, and its answer back. */
function pass(
  workerUrl: string,
  request: IncomingMessage,
  body: string,
  response: ServerResponse,
  jobs: Record<string, unknown>[],
): void {
  if (request.method === "POST" && request.url === "/v1/jobs") jobs.push(JSON.parse(body) as Record<string, unknown>);
  const { method = "GET", headers } = request;
  const onward = sendRequest(new URL(request.url ?? "/", workerUrl), { method, headers }, (reply) => {
    response.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(response);
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  onward.end(body);
}

/** Three example models. */
export function severalModels(): { small: ModelStatus; large: ModelStatus; vectors: ModelStatus } {
  const shared = {
    aliases: [],
    deletable: false,
    pinned: false,
    default: false,
    queued: 0,
    keep_alive_s: 300,
    loads: 0,
  };
  const memory = { weights: 400_000_000, kv_cache: 150_000_000, compute: 40_000_000, process: 60_000_000 };
  const chat = {
    format: "derived",
    tools: true,
    parallel_tool_calls: false,
    thinking: "never" as const,
    switches: [],
    template_variables: [],
  };
  return {
    small: {
      ...shared,
      name: "bee-small",
      aliases: ["small"],
      state: "ready",
      source: "file",
      file: "bee-small-q8_0.gguf",
      default: true,
      kind: "generate",
      architecture: "llama",
      quantization: "Q8_0",
      parameters: 410_000_000,
      file_bytes: 436_000_000,
      context_size: 4_096,
      slots: { total: 8, busy: 2 },
      memory: { ...memory, total: 650_000_000, measured: 612_000_000 },
      loads: 1,
      chat,
    },
    large: {
      ...shared,
      name: "bee-large",
      state: "unloaded",
      source: "download",
      reference: "hf:bees/bee-large-GGUF:Q4_K_M",
      file: "bee-large-Q4_K_M.gguf",
      deletable: true,
      architecture: "qwen3",
      quantization: "Q4_K_M",
      parameters: 4_020_000_000,
      file_bytes: 2_497_000_000,
      trained_context_size: 32_768,
      memory: {
        weights: 2_400_000_000,
        kv_cache: 600_000_000,
        compute: 310_000_000,
        process: 90_000_000,
        total: 3_400_000_000,
      },
    },
    vectors: {
      ...shared,
      name: "bee-vectors",
      state: "ready",
      source: "folder",
      file: "bee-vectors-f16.gguf",
      kind: "embed",
      architecture: "bert",
      quantization: "F16",
      parameters: 33_000_000,
      file_bytes: 67_000_000,
      embedding_size: 384,
      context_size: 512,
      slots: { total: 8, busy: 0 },
      memory: { weights: 66_000_000, kv_cache: 0, compute: 22_000_000, process: 60_000_000, total: 148_000_000 },
      expires_at: "2100-01-01T00:00:00.000Z",
      loads: 1,
    },
  };
}

export function statusesOf(models: readonly ModelStatus[], total: number | null = 4_000_000_000): ModelStatuses {
  const used = models
    .filter(({ slots }) => slots !== undefined)
    .reduce((sum, { memory }) => sum + (memory?.total ?? 0), 0);
  return { models: [...models], budget: { memory: { total, used }, threads: 4 } };
}
