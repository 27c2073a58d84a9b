// Owns the HTTP application: routes with their handlers, the order of checks, and one function that answers all errors.
import { randomUUID } from "node:crypto";
import { createPace } from "@waggle/async";
import { WaggleError, createRouteRefusal, errorKinds, fileLimits } from "@waggle/protocol";
import { tokenOf } from "@waggle/daemon/access";
import { Hono } from "hono";
import { matchedRoutes } from "hono/route";
import { createBodyBudget } from "../body/body-budget.ts";
import { connectionOf } from "./connection.ts";
import type { AppContext, AppEnv, AppOptions } from "./context.ts";
import type { Dialect } from "../generation/dialect.ts";
import { createAnthropicDialect } from "../dialects/anthropic/routes.ts";
import { createAnswerLine, createLineRefusal, laneModelOf } from "../dialects/batches/answer-line.ts";
import { messageLines, openAiLines } from "../dialects/batches/lines.ts";
import { createMessageBatchesDialect } from "../dialects/batches/message-batches.ts";
import { createBatchesDialect } from "../dialects/batches/routes.ts";
import { createDecisionDialect } from "../dialects/decisions/routes.ts";
import { createFilesDialect } from "../dialects/files/routes.ts";
import { createLlamaServerDialect } from "../dialects/llama-server/routes.ts";
import { createNativeDialect } from "../dialects/native/routes.ts";
import { createOllamaDialect } from "../dialects/ollama/routes.ts";
import { createOpenAiDialect } from "../dialects/openai/routes.ts";
import { createRerankDialect } from "../dialects/rerank/routes.ts";
import { createResponsesDialect } from "../dialects/responses/routes.ts";
import { createGate } from "../access/gate.ts";
import { createGenerations } from "../generation/generations.ts";
import { createPictureFetcher } from "../pictures/fetch-picture.ts";
import { createPictureBudget } from "../pictures/picture-budget.ts";
import { createRequestPictures } from "../pictures/request-pictures.ts";
import { createReference, isReference } from "./reference.ts";
import { createStreamCounter } from "../stream/stream-counter.ts";
import { createCalls } from "../calls/calls.ts";
import type { FrontCalls, McpTools } from "../calls/calls.ts";
import { createToolLookup } from "../calls/tool-lookup.ts";
import type { StreamCounter } from "../stream/stream-counter.ts";

/** Characters of JSON to parse or write in one turn of the event loop: some 5 ms of work. */
const jsonCharsPerTurn = 262_144;
/** Requests per turn of the event loop, so that tokens are sent between two turns even during a storm of requests. */
const requestsPerTurn = 8;

export interface App {
  readonly fetch: Hono<AppEnv>["fetch"];
  readonly request: Hono<AppEnv>["request"];
  readonly streams: StreamCounter;
  /** Undefined without MCP servers. */
  readonly calls: Pick<FrontCalls, "run" | "ended" | "held" | "stop"> | undefined;
  /** Bytes of the pictures that requests and jobs hold. */
  readonly pictureBytes: number;
}

export function createApp(options: AppOptions): App {
  const app = new Hono<AppEnv>({ strict: false });
  const streams = createStreamCounter(options.limits.maxStreamsPerClient);
  const { limits, allowedMediaHosts: hosts = [] } = options;
  const pictureBudget = createPictureBudget(limits.picturesTotalBytes, limits.clientQueueShare);
  const fetchPicture = createPictureFetcher({ hosts, maxBytes: limits.maxPictureBytes });
  const { mcp } = options;
  const calls = mcp && createCalls({ ...options, ...mcp, httpLimits: limits, pictures: pictureBudget });
  const tools: McpTools | undefined = mcp &&
    calls && {
      ...createToolLookup(mcp.servers, options.access),
      ...mcp.limits,
      calls,
    };
  const generations = createGenerations(options, streams, pictureBudget, calls);
  const reference = createReference(options.view.openApi);
  const bodies = createBodyBudget(limits.maxBodiesBytes);
  const pace = createPace(jsonCharsPerTurn);
  const requestPace = createPace(requestsPerTurn);
  const { pages } = options;
  const native = createNativeDialect(options, generations, streams, reference, tools);
  const openAi = createOpenAiDialect(options, generations);
  // Uploads are written to disk, so they do not count as bodies in memory.
  const uploads = createStreamCounter(fileLimits.uploads, "upload");
  const dialects: readonly Dialect[] = [
    native,
    openAi,
    createResponsesDialect(options, generations, tools),
    createAnthropicDialect(options, generations),
    createFilesDialect(options, uploads),
    createBatchesDialect(options),
    createMessageBatchesDialect(options, uploads),
    createOllamaDialect(options, generations),
    createLlamaServerDialect(options, generations, native, openAi),
    createRerankDialect(options, generations),
    createDecisionDialect(options, generations),
  ];

  app.use(async (c, next) => {
    const requestId = requestIdOf(c);
    c.set("requestId", requestId);
    c.set("ticket", options.registry.sessions.drawTicket());
    c.set("dialect", dialects.find(({ prefixes }) => prefixes.some((start) => isBelow(c.req.path, start))) ?? native);
    c.set("bodies", bodies);
    c.set("maxBodyBytes", limits.maxBodyBytes);
    c.set("log", options.log.child({ trace: requestId }));
    c.header("x-request-id", requestId);
    const client = (): string => c.get("client");
    c.set("pace", (amount) => pace(amount, client()));
    const pictures = createRequestPictures({ limits, budget: pictureBudget, fetchPicture, client });
    c.set("pictures", pictures);
    await next();
    pictures.release();
    options.metrics.httpRequests.inc({ route: routeName(c), status: String(c.res.status) });
  });
  app.use(async (c, next) => {
    // Streams and cancels have priority over new jobs, for which clients take turns. Requests without a valid token share their turns.
    const client = (): string =>
      c.env?.lane?.client ?? options.access.tokens().tokenName(tokenOf(c.req.raw.headers) ?? "") ?? "";
    const turn = c.req.method === "POST" ? requestPace(1, client()) : undefined;
    if (turn !== undefined) {
      await turn;
      if (connectionOf(c).left) throw new WaggleError("cancelled", "The client left.");
    }
    await next();
  });
  // If several dialects have a path, the last dialect wins. Native patterns such as /v1/models/:id are left out: other dialects have matching paths.
  for (const dialect of [...dialects.slice(1), native]) {
    const paths = dialect.routes.flatMap((route) => route.paths);
    for (const path of dialect === native ? paths.filter((own) => !own.includes(":")) : paths) {
      app.use(path, async (c, next) => {
        c.set("dialect", dialect);
        await next();
      });
    }
  }
  const isPage = (method: string, path: string): boolean => pages.owns(method, path) || isReference(method, path);
  app.use(createGate(options.access, isPage, options.clock));
  for (const { method, paths, handler } of dialects.flatMap(({ routes }) => routes)) {
    for (const path of paths) app.on(method, path, (c) => handler(c));
  }
  app.get("/", async (c, next) => (c.env?.greeting === undefined ? await next() : c.text(c.env.greeting)));
  app.get("*", async (c, next) => (await pages.answer(c.req.raw)) ?? (await next()));
  const refusal = createRouteRefusal(dialects.flatMap(({ routes }) => routes));
  app.notFound((c) => {
    const { error, allow } = refusal(c.req.method, c.req.path);
    return errorResponse(c, error, allow === undefined ? {} : { allow });
  });
  app.onError((thrown, c) => {
    const error = WaggleError.from(thrown);
    if (error.code === "internal")
      c.get("log").error({ client: c.get("client"), err: error.cause ?? error }, "request_failed");
    return errorResponse(c, error);
  });
  options.lane?.attend({
    answer: createAnswerLine(options, app.fetch),
    refusalFor: createLineRefusal(options),
    shapes: { openai: openAiLines, anthropic: messageLines },
    model: (name) => laneModelOf(options.models, name),
  });
  return {
    fetch: app.fetch,
    request: app.request,
    streams,
    calls,
    get pictureBytes() {
      return pictureBudget.bytes;
    },
  };
}

/** The response to every error, in the dialect of the route. */
function errorResponse(c: AppContext, error: WaggleError, more: Readonly<Record<string, string>> = {}): Response {
  const headers: Record<string, string> = { ...more };
  if (error.retryAfterS !== undefined) headers["retry-after"] = String(error.retryAfterS);
  if (!errorKinds[error.code].retryable) headers["x-should-retry"] = "false";
  if (error.code === "unauthenticated") headers["www-authenticate"] = "Bearer";
  const body = JSON.stringify(c.get("dialect").errorBody(error, c.get("requestId")));
  return c.body(body, error.status as 400, {
    "content-type": "application/json",
    ...headers,
  });
}

function requestIdOf(c: AppContext): string {
  const given = c.req.header("x-request-id");
  return given !== undefined && /^[\x21-\x7e]{1,128}$/.test(given) ? given : `req-${randomUUID()}`;
}

/** The path of the route, with `:id`: the requested path would give the metric a label for each job. */
function routeName(c: AppContext): string {
  const matched = matchedRoutes(c).findLast(({ path }) => !path.endsWith("*"));
  return matched?.path.replace("{.+}", "") ?? "none";
}

function isBelow(path: string, start: string): boolean {
  return path === start || path.startsWith(`${start}/`);
}
