// Shows that every route accepts an Idempotency-Key if it begins jobs, and that the reference lists the header for these routes only.
import { allWorkerRoutes, errorsOf, modelRoutes, rerankRoutes } from "@waggle/protocol";
import type { Route } from "@waggle/protocol";
import { bodyFields } from "@waggle/testing/hostile";
import { expect, test } from "vitest";
import { testLimits } from "../../testing/inline-worker.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { start, call } = useInlineWorker();

const ranking = new Set(Object.values(rerankRoutes).map(({ path }): string => path));
/** Without these fields a request has no work, and begins no job. */
const work: Readonly<Record<string, object>> = {
  ...Object.fromEntries([...ranking].map((path) => [path, { documents: ["a bee"] }])),
  "/api/chat": { messages: [{ role: "user", content: "a tale" }] },
  "/api/embed": { input: "a bee" },
};
/** Changes of a model may conflict with each other. */
const changing = new Set(Object.values(modelRoutes).map(({ path }): string => path))
  .add("/api/pull")
  .add("/api/copy")
  .add("/api/delete");
const routes = Object.values(allWorkerRoutes).filter(({ request }) => request !== undefined);

test.each(routes.map((route): [string, Route] => [`${route.method.toUpperCase()} ${route.path}`, route]))(
  "%s",
  async (_, route) => {
    const { method, path, headers = {} } = route;
    const kind = ranking.has(path) ? "rerank" : "generate";
    start({ limits: { ...testLimits, retryGraceMs: 10_000 }, fake: { kind } });
    const [whole] = route.request === undefined ? [] : bodyFields(route.request);
    const body = JSON.stringify({
      ...(JSON.parse(whole?.sound ?? "{}") as object),
      ...{ model: "waggle-fake", ...work[path] },
    });
    const send = (text: string) => call(method.toUpperCase(), path, text, { "idempotency-key": "k1" });

    await (await send(body)).text();
    const other = await send(`${body} `);

    const takesKey = other.status === 409;
    const conflicts = takesKey || changing.has(path);
    expect(["idempotency-key" in headers, errorsOf(route).includes("conflict")]).toEqual([takesKey, conflicts]);
  },
);

test("routes of every dialect have the header", () => {
  const taking = routes.filter(({ headers = {} }) => "idempotency-key" in headers);
  expect(taking.map(({ path }) => path)).toEqual(
    expect.arrayContaining(["/v1/jobs", "/v1/messages", "/v1/responses", "/api/chat", "/completion", "/v1/rerank"]),
  );
});
