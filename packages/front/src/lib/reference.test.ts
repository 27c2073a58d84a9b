import { workerOpenApi } from "@waggle/protocol";
import { Hono } from "hono";
import { expect, it } from "vitest";
import type { AppEnv } from "./context.ts";
import { createReference, isReference } from "./reference.ts";

it("makes the document once, however often it is asked for", async () => {
  let made = 0;
  const reference = createReference(() => {
    made += 1;
    return workerOpenApi("1.2.3");
  });
  const app = new Hono<AppEnv>();
  app.get("/reference", (c) => reference.page(c));
  const pages = await Promise.all([1, 2, 3].map(async () => await (await app.request("/reference")).text()));
  expect(JSON.parse(reference.document())).toEqual(JSON.parse(JSON.stringify(workerOpenApi("1.2.3"))));
  expect(new Set(pages).size).toBe(1);
  expect(pages[0]).toContain("1.2.3");
  expect(made).toBe(1);
});

it("is open by GET alone, and by its own paths", () => {
  expect(isReference("GET", "/reference")).toBe(true);
  expect(isReference("POST", "/reference")).toBe(false);
  expect(isReference("GET", "/v1/jobs")).toBe(false);
});
