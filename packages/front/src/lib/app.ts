// Owns the HTTP application: the route table meets its handlers, and every error leaves through one funnel.
import { randomUUID } from "node:crypto";
import { WaggleError, errorKinds, openAiRoutes, pathsOf, workerRoutes } from "@waggle/protocol";
import { Hono } from "hono";
import { routePath } from "hono/route";
import { createBodyBudget } from "./body-budget.ts";
import type { AppContext, AppEnv, AppOptions } from "./context.ts";
import { createGate } from "./gate.ts";
import { createJobRoutes } from "./native/job-routes.ts";
import type { Handler } from "./native/job-routes.ts";
import { openAiError } from "./openai/errors.ts";
import { createOpenAiRoutes } from "./openai/routes.ts";
import type { OpenAiRouteName } from "./openai/routes.ts";
import { referenceHeaders, referencePage, referencePaths, referenceStyle } from "./reference-page.ts";
import { createStreamCounter } from "./stream-counter.ts";
import type { StreamCounter } from "./stream-counter.ts";
import { createWorkerRoutes } from "./native/worker-routes.ts";

const openAiPaths = Object.values(openAiRoutes).flatMap(pathsOf);

const referenceTargets: ReadonlySet<string> = new Set(Object.values(referencePaths));

export interface App {
  readonly fetch: Hono<AppEnv>["fetch"];
  readonly request: Hono<AppEnv>["request"];
  readonly streams: StreamCounter;
}

export function createApp(options: AppOptions): App {
  const app = new Hono<AppEnv>({ strict: false });
  const streams = createStreamCounter(options.limits.maxStreamsPerClient);
  const bodies = createBodyBudget(options.limits.maxBodiesBytes);
  const { pages } = options;
  const handlers: Record<keyof typeof workerRoutes, Handler> = {
    ...createJobRoutes(options, streams),
    ...createWorkerRoutes(options, streams),
  };

  app.use(async (c, next) => {
    const requestId = requestIdOf(c);
    c.set("requestId", requestId);
    c.set("bodies", bodies);
    c.set("log", options.log.child({ trace: requestId }));
    c.header("x-request-id", requestId);
    await next();
    options.metrics.httpRequests.inc({ route: routeName(c), status: String(c.res.status) });
  });
  for (const path of openAiPaths) {
    app.use(path, async (c, next) => {
      c.set("openAi", true);
      await next();
    });
  }
  const isReference = (method: string, path: string): boolean => method === "GET" && referenceTargets.has(path);
  app.use(createGate(options.access, (method, path) => pages.owns(method, path) || isReference(method, path)));
  for (const [name, route] of Object.entries(workerRoutes)) {
    app.on(route.method.toUpperCase(), route.path, (c) => handlers[name as keyof typeof workerRoutes](c));
  }
  const openAiHandlers = createOpenAiRoutes(options, streams);
  for (const [name, route] of Object.entries(openAiRoutes)) {
    const handler: Handler = (c) => openAiHandlers[name as OpenAiRouteName](c);
    for (const path of pathsOf(route)) app.on(route.method.toUpperCase(), path, handler);
  }
  app.get(referencePaths.page, (c) => c.html(referencePage(options.view.openApi()), 200, referenceHeaders));
  app.get(referencePaths.style, (c) =>
    c.body(referenceStyle, 200, { ...referenceHeaders, "content-type": "text/css" }),
  );
  app.get("*", async (c, next) => (await pages.answer(c.req.raw)) ?? (await next()));
  app.notFound((c) =>
    errorResponse(c, new WaggleError("not_found", `Cannot ${c.req.method} ${shortPath(c)}: no such route.`)),
  );
  app.onError((thrown, c) => {
    const error = WaggleError.from(thrown);
    if (error.code === "internal") c.get("log").error({ err: error.cause ?? error }, "request_failed");
    return errorResponse(c, error);
  });
  return { fetch: app.fetch, request: app.request, streams };
}

function errorResponse(c: AppContext, error: WaggleError): Response {
  const headers: Record<string, string> = {};
  if (error.retryAfterS !== undefined) headers["retry-after"] = String(error.retryAfterS);
  if (!errorKinds[error.code].retryable) headers["x-should-retry"] = "false";
  if (error.code === "unauthenticated") headers["www-authenticate"] = "Bearer";
  return c.body(JSON.stringify(c.get("openAi") ? openAiError(error) : error.toBody()), error.status as 400, {
    "content-type": "application/json",
    ...headers,
  });
}

function requestIdOf(c: AppContext): string {
  const given = c.req.header("x-request-id");
  return given !== undefined && /^[\x21-\x7e]{1,128}$/.test(given) ? given : `req-${randomUUID()}`;
}

/** The route's pattern, never the path itself: a metric must not have as many labels as there are jobs. */
function routeName(c: AppContext): string {
  const path = routePath(c, -1);
  return path === "*" || path === "/*" ? "none" : path;
}

function shortPath(c: AppContext): string {
  return c.req.path.slice(0, 200);
}
