import type { ApiOperation, ApiRoutes, ApiSchema } from "@waggle/protocol";
import { expect, it } from "vitest";
import { wireList } from "./wire-list.ts";

const ref: ApiSchema = { $ref: "#/components/schemas/Ask" };
const json = { description: "", content: { "application/json": { schema: ref } } };
const post: ApiOperation = {
  ...{ tags: [], operationId: "", summary: "", security: [] },
  parameters: (["path", "query"] as const).map((where) => ({ name: "id", in: where, required: true, schema: {} })),
  requestBody: { ...json, required: true },
  responses: { 200: { description: "", content: { "text/event-stream": { schema: {} } } }, 400: json, 404: json },
};

function routesWith(type: string): ApiRoutes {
  const properties: Record<string, ApiSchema> = {
    n: { type: "integer", exclusiveMinimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    list: { type: "array", maxItems: 3, items: { type: "string", minLength: 1, pattern: "^a" }, default: ["a"] },
    map: { anyOf: [{ type: "object", additionalProperties: { type } }, { enum: ["x", null] }] },
  };
  const Ask = { type: "object", required: ["n"], additionalProperties: false, properties };
  const components = { schemas: { Ask, Either: { oneOf: [ref, { const: 1 }] } }, securitySchemes: {} };
  return { paths: { "/ask/{id}": { post } }, components, tags: [], security: [] };
}

it("lists routes, fields with types, and variants, each schema once", () => {
  const lines = wireList({ A: routesWith("number"), B: routesWith("number") }, ["A"]).split("\n");
  const route = "POST /ask/{id} Ask -> 200 text/event-stream any; 400 404 Ask; query id; no token";
  expect(lines.slice(lines.indexOf("# A") + 1)).toEqual([
    ...[route, "Ask.n integer >0..", 'Ask.list? (string 1.. /^a/)[] ..3 = ["a"]'],
    ...['Ask.map? {* number} | "x" | null', "Either | Ask", "Either | 1", "", "# B", route, ""],
  ]);
});

it("lists the field names of other dialects, and a checksum that changes with a nested type", () => {
  const [first, second] = ["number", "string"].map((type) => wireList({ B: routesWith(type) }, []));
  expect(first).toMatch(/^Ask \{n, list\?, map\?\} [0-9a-f]{8}$/m);
  expect(second).not.toBe(first);
});
