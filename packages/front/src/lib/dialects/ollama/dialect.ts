// Owns the dialect of Ollama's API.
import { WaggleError, ollamaRoutes } from "@waggle/protocol";
import type { AppOptions } from "../../context.ts";
import { apiToken } from "../../credentials.ts";
import { routesOf } from "../../dialect.ts";
import type { Dialect, DialectRoute } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";
import { ollamaError } from "./errors.ts";
import { createOllamaRoutes } from "./routes.ts";

export function createOllamaDialect(options: AppOptions, generations: Generations): Dialect {
  const routes = routesOf(ollamaRoutes, createOllamaRoutes(options, generations), ({ path }) => [path]);
  return {
    name: "ollama",
    // After the others: what none of them takes.
    routes: [...routes, ...routes.map(otherMethods)],
    prefixes: ["/api"],
    credential: apiToken,
    errorBody: ollamaError,
  };
}

function otherMethods({ method, paths }: DialectRoute): DialectRoute {
  const allowed = method === "GET" ? "GET, HEAD" : method;
  return {
    method: "ALL",
    paths,
    handler(c) {
      c.header("allow", allowed);
      throw new WaggleError("method_not_allowed", `Cannot ${c.req.method} this path: it takes ${allowed}.`);
    },
  };
}
