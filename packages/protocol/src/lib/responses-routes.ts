// Owns the route table of OpenAI's Responses API.
import type { Route } from "./routes.ts";

export const responsesRoutes = {} as const satisfies Record<string, Route>;
