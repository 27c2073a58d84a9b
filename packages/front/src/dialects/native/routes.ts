// Owns the native dialect. `pnpm test dialects/native` runs its contract too.
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
import { createMcpRoutes } from "./mcp-routes.ts";
import { createModelRoutes } from "./model-routes.ts";
import { createReadPast } from "./past-query.ts";
import { createWorkerRoutes } from "./worker-routes.ts";
import type { McpTools } from "../../calls/calls.ts";

export function createNativeDialect(
  options: AppOptions,
  generations: Generations,
  streams: StreamCounter,
  reference: Reference,
  tools: McpTools | undefined,
): Dialect {
  const readPast = createReadPast(options.limits.clientQueueShare);
  const handlers = {
    ...createJobRoutes(options, generations, tools, readPast),
    ...createWorkerRoutes(options, streams, reference, readPast),
    ...createMcpRoutes(tools, options.models),
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
