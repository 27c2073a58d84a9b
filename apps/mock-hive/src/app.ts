// Serves the hive's HTTP routes: access checks, handlers and error bodies. workers.ts, faults.ts and feed.ts own the state.
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { HttpBindings } from "@hono/node-server";
import { sleep } from "@waggle/async";
import { createPages } from "@waggle/daemon/pages";
import {
  createRouteRefusal,
  FaultSchema,
  HeartbeatSchema,
  hiveRoutes,
  invalidArgument,
  ndjsonHeaders,
  RegistrationSchema,
  refuseField,
  sseHeaders,
  WaggleError,
  type Route,
} from "@waggle/protocol";
import { encodeNdjson, encodeSse, encodeSseComment } from "@waggle/protocol/sse";
import type { Logger } from "@waggle/telemetry";
import { Hono, type Context, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { z } from "zod";
import type { Faults } from "./faults.ts";
import type { Feed, FeedItem } from "./feed.ts";
import type { FleetView } from "./fleet-view.ts";
import { checkHostAndOrigin, checkToken, type RequiredRight, type HiveAccess } from "./gate.ts";
import type { WorkerRegistry } from "./workers.ts";

/** The built pages; the path is the same from the source and from the build. */
const pagesFolder = fileURLToPath(new URL("../../pages/dist/", import.meta.url));

export const maxBodyBytes: number = 64 * 1024;

/** Node's request and response; absent when a test calls the app without a server. */
export type HiveEnv = { Bindings: Partial<HttpBindings> };

export interface HiveAppOptions {
  readonly registry: WorkerRegistry;
  /** Undefined when fault injection is off. */
  readonly faults: Faults | undefined;
  readonly access: HiveAccess;
  readonly feed: Feed;
  /** Undefined when the hive follows no fleet. */
  readonly fleet?: Pick<FleetView, "current"> | undefined;
  readonly log: Logger;
}

type RouteName = keyof typeof hiveRoutes;
type Handler = (context: Context<HiveEnv>) => Response | Promise<Response>;

/** The right that each route requires. Faults apply only to routes with the right `report`, so not to requests of observers. */
const requiredRights: Readonly<Record<RouteName, RequiredRight | "open">> = {
  register: "report",
  heartbeat: "report",
  deregister: "report",
  workers: "read",
  worker: "read",
  heartbeatStream: "read",
  getFault: "read",
  drain: "change",
  remove: "change",
  setFault: "change",
  livez: "open",
};

export function createHiveApp(options: HiveAppOptions): Hono<HiveEnv> {
  const { log, access, faults } = options;
  const app = new Hono<HiveEnv>();
  app.onError((error) => {
    const known = WaggleError.from(error);
    if (known.cause !== undefined) log.error({ err: known.cause }, "A request failed");
    return errorResponse(known);
  });
  const refusal = createRouteRefusal(
    Object.values<Route>(hiveRoutes).map(({ method, path }) => ({ method: method.toUpperCase(), paths: [path] })),
  );
  app.notFound(({ req }) => {
    const { error, allow } = refusal(req.method, req.path);
    return errorResponse(error, allow);
  });
  const openPaths = Object.values<Route>(hiveRoutes).flatMap(({ open, path }) => (open === true ? [path] : []));
  const pages = createPages({ folder: pagesFolder, routes: { "/": "hive.html" } });
  app.use(async ({ req, env }, next) => {
    const isPage = pages.owns(req.method, req.path);
    const request = { headers: req.raw.headers, target: env?.incoming?.url, isPage };
    if (!openPaths.includes(req.path)) checkHostAndOrigin(request, access);
    await next();
  });
  const handlers = createHandlers(options);
  const limitBody = bodyLimit({
    maxSize: maxBodyBytes,
    onError: () => {
      throw new WaggleError("payload_too_large", `Cannot read the body: it is larger than ${maxBodyBytes} bytes.`);
    },
  });
  for (const [name, route] of Object.entries(hiveRoutes) as [RouteName, Route][]) {
    const right = requiredRights[name];
    if (right !== "open") app.on(route.method, route.path, authorize(right, access));
    if (right === "report" && faults !== undefined) app.on(route.method, route.path, misbehave(faults));
    app.on(route.method, route.path, limitBody, handlers[name]);
  }
  app.get("*", async (context, next) => (await pages.answer(context.req.raw)) ?? (await next()));
  return app;
}

function createHandlers({ registry, faults, feed, fleet }: HiveAppOptions): Record<RouteName, Handler> {
  return {
    register: async (context) => {
      const registration = await readBody(context, RegistrationSchema);
      if (registration.worker_id !== context.req.param("id")) {
        throw refuseField("worker_id", "it differs from the id in the path");
      }
      // The right to report does not include the right to read: an earlier heartbeat under this id may be from another worker.
      const { last_heartbeat: _, ...worker } = registry.register(registration);
      return Response.json(worker);
    },
    heartbeat: async (context) => {
      const command = registry.heartbeat(await readBody(context, HeartbeatSchema));
      return Response.json(command === undefined ? {} : { command });
    },
    deregister: (context) => {
      registry.deregister(context.req.param("id") ?? "");
      return new Response(null, { status: 204 });
    },
    drain: (context) => Response.json(registry.drain(context.req.param("id") ?? ""), { status: 202 }),
    remove: (context) => {
      registry.remove(context.req.param("id") ?? "");
      return new Response(null, { status: 204 });
    },
    workers: () => Response.json({ workers: registry.list() }),
    worker: (context) => Response.json(registry.get(context.req.param("id") ?? "")),
    heartbeatStream: (context) => {
      // The answer to HEAD has no body, so the stream would have no reader.
      if (context.req.method === "HEAD")
        return errorResponse(new WaggleError("method_not_allowed", "Cannot answer HEAD: this is a stream."), "GET");
      const ndjson = context.req.header("accept")?.includes("application/x-ndjson") === true;
      const first = { ...registry.snapshot(), ...(fleet === undefined ? {} : { fleet: fleet.current() }) };
      const items = feed.open(first, () => context.env.outgoing?.destroy());
      return new Response(feedBody(items, ndjson), { headers: ndjson ? ndjsonHeaders : sseHeaders });
    },
    getFault: () => Response.json(switches(faults).current()),
    setFault: async (context) => Response.json(switches(faults).set(await readBody(context, FaultSchema))),
    livez: () => Response.json({ live: true }),
  };
}

/** @throws WaggleError not_found when fault injection is off */
function switches(faults: Faults | undefined): Faults {
  if (faults !== undefined) return faults;
  throw new WaggleError("not_found", "Cannot find the faults: this hive was started without --faults.");
}

function authorize(right: RequiredRight, access: HiveAccess): MiddlewareHandler<HiveEnv> {
  return async (context, next) => {
    checkToken(context.req.raw.headers, right, access);
    await next();
  };
}

/** Applies the active fault to a worker's request. */
function misbehave(faults: Faults): MiddlewareHandler<HiveEnv> {
  return async (context, next) => {
    const { fault, delay_ms: delayMs = 0 } = faults.take();
    const { signal } = context.req.raw;
    switch (fault) {
      case "none":
      case "forget":
        return next();
      case "500":
        throw new WaggleError("internal", "The request failed because of an injected fault.");
      case "refuse":
        context.env.outgoing?.destroy();
        return closedResponse();
      case "drop":
        context.env.incoming?.resume();
        if (!signal.aborted) await once(signal, "abort");
        return closedResponse();
      case "delay":
        await sleep(delayMs, { signal, ref: false }).catch(() => {});
        return signal.aborted ? closedResponse() : next();
    }
  };
}

/** A response that is never sent, because its connection is closed. */
function closedResponse(): Response {
  return new Response(null, { status: 499 });
}

async function readBody<T>(context: Context<HiveEnv>, schema: z.ZodType<T>): Promise<T> {
  const body = schema.safeParse(parseJson(await context.req.text()));
  if (!body.success) throw invalidArgument(body.error, "body");
  return body.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new WaggleError("invalid_argument", "Cannot read the body: it is not JSON.");
  }
}

/** @param allow value of the header Allow */
export function errorResponse(error: WaggleError, allow?: string): Response {
  const headers = {
    ...(error.retryAfterS === undefined ? {} : { "retry-after": String(error.retryAfterS) }),
    ...(allow === undefined ? {} : { allow }),
  };
  return Response.json(error.toBody(), { status: error.status, headers });
}

/** Makes an SSE or NDJSON body that takes an item only when its reader asks for one, so that all items that wait count for the feed's limit. */
function feedBody(items: ReadableStream<FeedItem>, ndjson: boolean): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const encode = ndjson ? toNdjson : toSse;
  const reader = items.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(encode(value)));
      },
      cancel: () => reader.cancel(),
    },
    { highWaterMark: 0 },
  );
}

function toSse(item: FeedItem): string {
  return item.type === "ping" ? encodeSseComment("ping") : encodeSse({ event: item.type, data: JSON.stringify(item) });
}

function toNdjson(item: FeedItem): string {
  return item.type === "ping" ? "\n" : encodeNdjson(item);
}
