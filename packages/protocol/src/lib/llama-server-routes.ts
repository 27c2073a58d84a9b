// Owns the route table of llama-server's own routes.
import type { Route } from "./routes.ts";

export const llamaServerRoutes = {} as const satisfies Record<string, Route>;
