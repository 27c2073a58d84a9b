import { expect, test } from "vitest";
import { allWorkerRoutes } from "./openapi.ts";
import { pathsOf } from "../openai/routes.ts";
import { createRouteRefusal } from "./refused-route.ts";

const refuse = createRouteRefusal([
  { method: "POST", paths: pathsOf({ path: "/v1/chat/completions" }) },
  { method: "GET", paths: ["/v1/models/:id{.+}", "/models/:id{.+}"] },
  { method: "DELETE", paths: ["/v1/models/:id{.+}"] },
  { method: "GET", paths: ["/v1/jobs/:id/stream"] },
  { method: "POST", paths: ["/v1/inference"] },
  { method: "POST", paths: ["/api/chat"] },
  { method: "GET", paths: ["/openapi.json"] },
  { method: "DELETE", paths: ["/v1/sessions/:id"] },
]);

test.each([
  ["POST", "/chat/completion", "POST /v1/chat/completions"],
  ["POST", "/v1/v1/chat/completions", "POST /v1/chat/completions"],
  ["POST", "/openai/v1/chat/completions", "POST /v1/chat/completions"],
  ["GET", "/v1/chat/completion", "POST /v1/chat/completions"],
  ["POST", "/v1/chatcompletions", "POST /v1/chat/completions"],
  ["POST", "/v1/api/chat", "POST /api/chat"],
  ["GET", "/v1/job/a7/stream", "GET /v1/jobs/a7/stream"],
  ["GET", "/v1/jobs/a7/steam", "GET /v1/jobs/a7/stream"],
  ["GET", "/v1/v1/jobs/a7/stream", "GET /v1/jobs/a7/stream"],
  ["GET", "/v2/models/bee", "GET /v1/models/bee"],
  ["GET", "/v1/jobs//stream", "GET /v1/jobs/:id/stream"],
])("%s %s is near %s", (method, path, near) => {
  const { error, allow } = refuse(method, path);
  expect(error).toMatchObject({
    code: "not_found",
    message: `Cannot ${method} ${path}: no such route. Did you mean ${near}?`,
  });
  expect(allow).toBeUndefined();
});

test.each([
  ["POST", "/v1/audio/transcriptions"],
  ["GET", "/v1/audio/transcriptions"],
  ["POST", "/v1/images/generations"],
  ["POST", "/v1/model/bee"],
  ["POST", "/v1/v1/models/bee"],
  ["DELETE", "/v1/session/a7"],
])(
  "no route is near %s %s: a word that a parameter takes is no likeness, and nothing offers a DELETE",
  (method, path) => {
    expect(refuse(method, path).error.message).toBe(`Cannot ${method} ${path}: no such route.`);
  },
);

test.each(["/", "/favicon.png", "/v1/nonsense/of/a/client", `/${"v1/".repeat(5_000)}`])(
  "no route is near %s",
  (path) => {
    expect(refuse("GET", path).error.message).toBe(`Cannot GET ${path.slice(0, 200)}: no such route.`);
  },
);

test.each([
  ["GET", "/v1/inference", "POST", "POST"],
  ["POST", "/v1/models/user/repo", "GET, HEAD, DELETE", "GET, HEAD"],
  ["PUT", "/models/bee", "GET, HEAD", "GET, HEAD"],
  ["DELETE", "/v1/inference/", "POST", "POST"],
  ["POST", "/v1/sessions/a7", "DELETE", "no POST"],
])("%s %s names the methods of the path, in words without DELETE", (method, path, allow, named) => {
  const refused = refuse(method, path);
  expect(refused.allow).toBe(allow);
  expect(refused.error).toMatchObject({
    code: "method_not_allowed",
    message: `Cannot ${method} ${path}: it accepts ${named}.`,
  });
});

test("a final slash that the server refuses is no wrong method", () => {
  expect(refuse("POST", "/v1/inference/").error.message).toContain("Did you mean POST /v1/inference?");
});

test("a dot of a path is no other character", () => {
  expect(refuse("POST", "/openapi.json").error.code).toBe("method_not_allowed");
  expect(refuse("POST", "/openapi_json").error.code).toBe("not_found");
});

test("each route of a worker is known", () => {
  const routes = Object.values(allWorkerRoutes).map(({ method, path }) => ({
    method: method.toUpperCase(),
    paths: [path],
  }));
  const all = createRouteRefusal(routes);
  for (const { paths } of routes) expect(all("PATCH", paths[0] as string).allow).toBeDefined();
});
