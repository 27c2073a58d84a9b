// Shows that every route accepts an Idempotency-Key if it begins jobs, and that the reference lists the header for these routes only.
import { allWorkerRoutes, errorsOf, modelRoutes } from "@waggle/protocol";
import type { Route } from "@waggle/protocol";
import { expect, test } from "vitest";
import { jobBody, kindFor } from "../../testing/job-bodies.ts";
import { testLimits } from "../../testing/inline-worker.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { start, call } = useInlineWorker();

/** Changes of a model may conflict with each other. */
const changing = new Set(Object.values(modelRoutes).map(({ path }): string => path))
  .add("/api/pull")
  .add("/api/copy")
  .add("/api/delete");
/** A worker without a lane creates no batch. */
const routes = Object.values(allWorkerRoutes).filter(
  ({ path, request }) => request !== undefined && !path.endsWith("/batches"),
);

test.each(routes.map((route): [string, Route] => [`${route.method.toUpperCase()} ${route.path}`, route]))(
  "%s",
  async (_, route) => {
    const { method, path, headers = {} } = route;
    start({ limits: { ...testLimits, retryGraceMs: 10_000 }, fake: { kind: kindFor(route) } });
    const body = JSON.stringify(jobBody(route));
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
