// Owns the route table of Ollama's API.
import type { Route } from "./routes.ts";

export const ollamaRoutes = {} as const satisfies Record<string, Route>;
