// Owns bodies with which each route begins a job.
import { rerankRoutes } from "@waggle/protocol";
import type { Route } from "@waggle/protocol";
import { bodyFields } from "@waggle/testing/hostile";

const ranking = new Set(Object.values(rerankRoutes).map(({ path }): string => path));
/** Without these fields a request has no work, and begins no job. */
const work: Readonly<Record<string, object>> = {
  ...Object.fromEntries([...ranking].map((path) => [path, { documents: ["a bee"] }])),
  "/api/chat": { messages: [{ role: "user", content: "a tale" }] },
  "/api/embed": { input: "a bee" },
};

/** The kind of the model that the route needs. */
export function kindFor({ path }: Route): "generate" | "rerank" {
  return ranking.has(path) ? "rerank" : "generate";
}

export function jobBody({ path, request }: Route): object {
  const [whole] = request === undefined ? [] : bodyFields(request);
  return { ...(JSON.parse(whole?.sound ?? "{}") as object), model: "waggle-fake", ...work[path] };
}
