import { workerOpenApi } from "@waggle/protocol";
import { expect, it } from "vitest";
import { createReference, isReference } from "./reference.ts";

it("the document is written once for all requests", () => {
  let made = 0;
  const reference = createReference(() => {
    made += 1;
    return workerOpenApi("1.2.3");
  });
  expect(JSON.parse(reference.document())).toEqual(JSON.parse(JSON.stringify(workerOpenApi("1.2.3"))));
  expect(reference.document()).toContain("1.2.3");
  expect(made).toBe(1);
});

it("GET on the path of the document needs no token", () => {
  expect(isReference("GET", "/openapi.json")).toBe(true);
  expect(isReference("POST", "/openapi.json")).toBe(false);
  expect(isReference("GET", "/v1/jobs")).toBe(false);
});
