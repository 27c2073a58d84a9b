// Owns the route table of the routes that rank and score texts.
import type { Route } from "./routes.ts";

export const rerankRoutes = {} as const satisfies Record<string, Route>;
