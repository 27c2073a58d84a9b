// Tests that all fields of all routes are found, with valid values, and that a value appears in its field.
import { allWorkerRoutes, openAiRoutes } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { bodyFields } from "./fields.ts";
import { hostileGrammars } from "./grammars.ts";
import { fieldAttacks } from "./requests.ts";
import { hostileSchemas } from "./schemas.ts";
import { largeBytes } from "./values.ts";

const routes = allWorkerRoutes;
const withBody = Object.entries(routes).flatMap(([name, { request }]) =>
  request === undefined ? [] : [{ name, request }],
);

describe.each(withBody)("the body of $name", ({ request }) => {
  it("is valid with each field's valid value", () => {
    for (const { path, sound, body } of bodyFields(request)) {
      const parsed = request.safeParse(JSON.parse(body(sound)));
      expect(parsed.error, `${path}: ${body(sound)}`).toBeUndefined();
    }
  });

  it.each(["max_tokens", "max_output_tokens", "model"])("has a valid %s wherever the schema has the field", (name) => {
    const fields = bodyFields(request);
    const sound = fields.find(({ path }) => path === name)?.sound;
    const others = fields.filter(({ path }) => path !== "" && path !== name);
    expect(sound === undefined ? [] : others.filter((at) => !at.body("0").includes(`"${name}":${sound}`))).toEqual([]);
  });

  it("contains a value of a wrong type in every field", () => {
    for (const { path, body } of bodyFields(request)) {
      const written = body('{"waggle":[1e400]}');
      expect(written, path).toContain('{"waggle":[1e400]}');
      expect(() => JSON.parse(written) as unknown, path).not.toThrow();
    }
  });
});

it("finds new fields", () => {
  const request = z.strictObject({
    old: z.string(),
    nested: z.array(z.union([z.object({ added: z.int().optional() }), z.null()])),
  });
  expect(bodyFields(request).map(({ path, kind }) => `${path} ${kind}`)).toEqual([
    " object",
    "old text",
    "nested list",
    "nested[] object",
    "nested[].added other",
  ]);
});

it("attacks fields, parameters, queries and headers under distinct names", () => {
  const names = fieldAttacks(routes).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(
    expect.arrayContaining([
      "POST /v1/jobs (body)",
      "POST /v1/jobs json_schema{}",
      "POST /v1/chat/completions messages[].tool_calls[].function.arguments",
      "POST /v1/chat/completions tools[].function.parameters{}",
      "POST /v1/embeddings input[]",
      "GET /v1/jobs/:id/stream :id",
      "GET /v1/jobs/:id/stream ?after",
      "POST /v1/completions x-session-id",
    ]),
  );
});

it("sends megabytes, but not more than a worker reads", () => {
  for (const { large } of fieldAttacks({ completions: openAiRoutes.completions })) {
    for (const { name, body } of large) {
      const bytes = Buffer.byteLength(body?.() ?? "");
      expect(bytes, name).toBeGreaterThan(30_000);
      expect(bytes, name).toBeLessThan(4_194_304);
      if (name.includes("3.9 MB")) expect(bytes, name).toBeGreaterThan(largeBytes * 0.9);
    }
  }
});

it("has schemas in valid JSON, grammars within the length limit, and distinct names", () => {
  for (const { name, write } of hostileSchemas) {
    expect(() => JSON.parse(write()) as unknown, name).not.toThrow();
    expect(Buffer.byteLength(write()), name).toBeLessThan(largeBytes);
  }
  for (const { name, grammar } of hostileGrammars) expect(grammar.length, name).toBeLessThanOrEqual(262_144);
  for (const corpus of [hostileSchemas, hostileGrammars]) {
    expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length);
  }
});
