import { workerOpenApi } from "@waggle/protocol";
import { expect, it } from "vitest";
import { curlOf, limitsOf, routeMatches, routesOf, schemaMatches, type RouteView } from "./document.ts";

const document = workerOpenApi("1.2.3");
const routes = routesOf(document);

function route(method: string, path: string): RouteView {
  const found = routes.find((one) => one.method === method && one.path === path);
  if (found === undefined) throw new Error(`There is no ${method} ${path}`);
  return found;
}

it("finds every route, by family, each with a unique id", () => {
  expect(routes).toHaveLength(Object.values(document.paths).flatMap((methods) => Object.keys(methods)).length);
  expect([...new Set(routes.map(({ tag }) => tag))]).toEqual(document.tags.map(({ name }) => name));
  expect(new Set(routes.map(({ id }) => id)).size).toBe(routes.length);
  expect(route("GET", "/livez").open).toBe(true);
  expect(route("GET", "/v1/info").open).toBe(false);
});

it("writes a command that runs unchanged", () => {
  const origin = "http://127.0.0.1:7700";
  expect(curlOf(route("GET", "/livez"), origin)).toBe(`curl ${origin}/livez`);
  expect(curlOf(route("DELETE", "/v1/jobs/{id}"), origin)).toBe(
    `curl -X DELETE ${origin}/v1/jobs/YOUR_ID \\\n  -H "Authorization: Bearer $WAGGLE_API_TOKEN"`,
  );
  const chat = curlOf(route("POST", "/v1/chat/completions"), origin);
  expect(chat).toContain(`curl -N -X POST ${origin}/v1/chat/completions`);
  expect(JSON.parse(/-d '(.*)'$/.exec(chat)?.[1] ?? "")).toMatchObject({ stream: true });
  const quoted = { ...route("POST", "/tokenize"), request: { example: { content: "it's" } } };
  expect(curlOf(quoted, origin)).toContain(String.raw`-d '{"content":"it'\''s"}'`);
});

it("finds words in any order, including names of fields", () => {
  const { schemas } = document.components;
  const found = (words: string): readonly string[] =>
    routes.filter((one) => routeMatches(one, words, schemas)).map(({ method, path }) => `${method} ${path}`);
  expect(found("jobs delete")).toEqual(["DELETE /v1/jobs/{id}"]);
  expect(found("min_p")).toContain("POST /v1/chat/completions");
  expect(found("no-such-thing")).toEqual([]);
  expect(schemaMatches("JobList", schemas["JobList"] ?? {}, "total job")).toBe(true);
});

it("lists the limits and defaults that are set", () => {
  expect(limitsOf({ minimum: 0, maximum: 2, default: 1 })).toEqual(["0 to 2", "default 1"]);
  expect(limitsOf({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })).toEqual(["at least 0"]);
  expect(limitsOf({ minLength: 1, maxLength: 4_096 })).toEqual(["1 to 4,096 characters"]);
});
