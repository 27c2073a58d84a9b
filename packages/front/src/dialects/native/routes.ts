// Owns the native dialect.
import {
  historyRoutes,
  hubRoutes,
  logRoutes,
  mcpRoutes,
  modelRoutes,
  usageRoutes,
  workerRoutes,
} from "@waggle/protocol";
import type { AppOptions } from "../../server/context.ts";
import { modelPath, routesOf } from "../../generation/dialect.ts";
import type { Dialect } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import type { Reference } from "../../server/reference.ts";
import type { StreamCounter } from "../../stream/stream-counter.ts";
import { createHubRoutes } from "./hub-routes.ts";
import { createJobRoutes } from "./job-routes.ts";
import { createModelRoutes } from "./model-routes.ts";
import { createReadPast } from "./past-query.ts";
import { createMcpRoutes, createNativeTurns } from "./turn-routes.ts";
import { createWorkerRoutes } from "./worker-routes.ts";
import type { Turns } from "../../turns/turns.ts";

export function createNativeDialect(
  options: AppOptions,
  generations: Generations,
  streams: StreamCounter,
  reference: Reference,
  turns: Turns | undefined,
): Dialect {
  const readPast = createReadPast(options.limits.clientQueueShare);
  const handlers = {
    ...createJobRoutes(options, generations, createNativeTurns(turns, generations), readPast),
    ...createWorkerRoutes(options, streams, reference, readPast),
    ...createMcpRoutes(turns, options),
  };
  const changes = routesOf(modelRoutes, createModelRoutes(options), ({ path }) => [modelPath(path)]);
  const hub = routesOf(hubRoutes, createHubRoutes(options));
  return {
    name: "native",
    routes: [
      ...routesOf({ ...workerRoutes, ...usageRoutes, ...logRoutes, ...historyRoutes, ...mcpRoutes }, handlers),
      ...changes,
      ...hub,
    ],
    prefixes: [],
    errorBody: (error) => error.toBody(),
  };
}
