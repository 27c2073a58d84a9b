// Owns the native dialect: the worker's own routes, their tokens and their errors.
import { logRoutes, modelRoutes, usageRoutes, workerRoutes } from "@waggle/protocol";
import type { AppOptions } from "../../context.ts";
import { apiToken } from "../../credentials.ts";
import { modelPath, routesOf } from "../../dialect.ts";
import type { Dialect } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";
import type { Reference } from "../../reference.ts";
import type { StreamCounter } from "../../stream-counter.ts";
import { createJobRoutes } from "./job-routes.ts";
import { createModelRoutes } from "./model-routes.ts";
import { createWorkerRoutes } from "./worker-routes.ts";

export function createNativeDialect(
  options: AppOptions,
  generations: Generations,
  streams: StreamCounter,
  reference: Reference,
): Dialect {
  const handlers = { ...createJobRoutes(options, generations), ...createWorkerRoutes(options, streams, reference) };
  const changes = routesOf(modelRoutes, createModelRoutes(options), ({ path }) => [modelPath(path)]);
  return {
    name: "native",
    routes: [
      ...routesOf({ ...workerRoutes, ...usageRoutes, ...logRoutes }, handlers, ({ path }) => [path]),
      ...changes,
    ],
    prefixes: [],
    credential: apiToken,
    errorBody: (error) => error.toBody(),
  };
}
