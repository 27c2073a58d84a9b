import { createLogger } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { WaggleError } from "@waggle/protocol";
import { Hono } from "hono";
import { expect, test } from "vitest";
import type { AppEnv, HttpAccess } from "../server/context.ts";
import { createGate } from "./gate.ts";
import { requireAdmin } from "./require-admin.ts";
import { createTokenTable } from "@waggle/daemon/tokens";

const tokens = createTokenTable([
  { name: "root", token: "root-secret", admin: true },
  { name: "alice", token: "alice-secret" },
]);

function appWith(access: Pick<HttpAccess, "localMode" | "tokens">): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use(async (c, next) => {
    c.set("dialect", {
      name: "test",
      routes: [],
      prefixes: [],
      errorBody: (error) => error.toBody(),
    });
    c.set("log", createLogger({ level: "silent", format: "json", name: "test" }));
    await next();
  });
  app.use(
    createGate(
      { ...access, allowedHosts: [], allowedOrigins: [], openMetrics: false },
      (_, path) => path === "/page",
      createFakeClock(),
    ),
  );
  app.get("*", (c) => {
    requireAdmin(c);
    return c.text(c.get("client"));
  });
  app.onError((error, c) => c.text(error.message, WaggleError.from(error).status as 400));
  return app;
}

async function ask(app: Hono<AppEnv>, path: string, token?: string): Promise<string> {
  const headers = { host: "localhost", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const answer = await app.request(`http://localhost${path}`, { headers });
  return `${answer.status} ${await answer.text()}`;
}

test("in network mode only admin tokens have the admin right", async () => {
  const app = appWith({ localMode: false, tokens: () => tokens });
  expect(await ask(app, "/v1/models", "root-secret")).toBe("200 root");
  expect(await ask(app, "/v1/models", "alice-secret")).toMatch(/^403 Cannot GET \/v1\/models: .* not marked admin/);
  expect(await ask(app, "/v1/models")).toMatch(/^401 /);
});

test("a route without a token check gives no admin right", async () => {
  const app = appWith({ localMode: false, tokens: () => tokens });
  for (const path of ["/livez", "/page"]) expect(await ask(app, path)).toMatch(/^403 /);
});

test("in local mode every client has the admin right", async () => {
  expect(await ask(appWith({ localMode: true, tokens: () => createTokenTable([]) }), "/v1/models")).toBe("200 local");
});

test("a token that loses its admin mark loses the right at once", async () => {
  let table = tokens;
  const app = appWith({ localMode: false, tokens: () => table });
  table = createTokenTable([{ name: "root", token: "root-secret" }]);
  expect(await ask(app, "/v1/models", "root-secret")).toMatch(/^403 /);
});
