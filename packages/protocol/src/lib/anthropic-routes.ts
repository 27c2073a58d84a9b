// Owns the route table of Anthropic's Messages API.
import type { Route } from "./routes.ts";

export const anthropicRoutes = {} as const satisfies Record<string, Route>;
