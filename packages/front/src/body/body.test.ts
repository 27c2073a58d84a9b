import {
  ChatCompletionRequestSchema,
  EmbeddingsRequestSchema,
  GenerateRequestSchema,
  TokenizeRequestSchema,
  allWorkerRoutes,
  bodyLimits,
} from "@waggle/protocol";
import { bodyFields, type BodyField } from "@waggle/testing/hostile";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { validate } from "./body.ts";
import { parseJson } from "./parse-json.ts";

const requests = new Map(
  Object.values(allWorkerRoutes).flatMap(({ request }) =>
    request === undefined ? [] : [[request.meta()?.id ?? "", request] as const],
  ),
);
/** A quarter of the default of --max-body. */
const chars = 1_000_000;
/** The largest body takes some 20 MiB. With four times as many values, content parts once took 0.9 GB, or overflowed the stack. */
const mostMiB = 60;

/** Each list and each record with a valid element; of requests that share a field, the first. */
const cases = new Map<string, { name: string; request: z.ZodType; field: BodyField; right: string }>();
for (const [name, request] of requests) {
  const fields = bodyFields(request);
  for (const field of fields) {
    const ofRecord = fields.find(({ path }) => path === `${field.path}{}`)?.sound;
    const right = field.kind === "list" ? (field.soundItem ?? "null") : ofRecord;
    const key = `${field.path} ${right}`;
    if (right !== undefined && !cases.has(key))
      cases.set(key, { name: `${name}.${field.path}`, request, field, right });
  }
}

/** A body of about `chars` characters whose field has as many copies of the element (JSON) as `bodyLimits` allow. Spaces pad each copy. */
function filled({ kind, body }: BodyField, element: string): string {
  const size = chars - body("").length;
  if (kind === "object") {
    const width = Math.floor(size / bodyLimits.members) - '"1234":,'.length;
    const members = Array.from({ length: bodyLimits.members }, (_, index) => `"${index}":${element.padEnd(width)}`);
    return body(`{${members.join(",")}}`);
  }
  const values = 1 + (element.match(/[[{,]/g)?.length ?? 0);
  const padded = element.padEnd(Math.ceil((values * size) / (bodyLimits.values - 100)));
  return body(`[${`${padded},`.repeat(Math.floor(size / (padded.length + 1)) - 1)}${padded}]`);
}

describe("validation of a body full of wrong elements", () => {
  it("is tested for the arrays and records of all routes", () => {
    expect(Array.from(cases.values(), ({ field }) => field.path)).toEqual(
      expect.arrayContaining([
        ...["messages", "messages[].content", "messages[].tool_calls", "tools", "tools[].function.parameters"],
        ...["logit_bias", "json_schema", "input", "tokens"],
      ]),
    );
  });

  it.each(Array.from(cases.values(), (each) => [each.name, each] as const))(
    "takes bounded memory: %s",
    (_, { request, field, right }) => {
      for (const element of [right, "0", "{}"]) {
        const text = filled(field, element);
        expect(
          mebibytesOf(() => validate(request, parseJson(text))),
          element,
        ).toBeLessThan(mostMiB);
      }
    },
  );
});

it("validation takes bounded memory with wrong elements in many arrays", () => {
  const calls = `{"role":"assistant","tool_calls":[${"{},".repeat(69)}{}]}`;
  const text = `{"messages":[${`${calls},`.repeat(1_999)}${calls}]}`;
  expect(mebibytesOf(() => validate(ChatCompletionRequestSchema, parseJson(text)))).toBeLessThan(mostMiB);
});

describe("values of fields", () => {
  const chat = { messages: [{ role: "user", content: "x" }] };
  const long = "x".repeat((1 << 20) + 1);
  const parsed = (text: string): unknown => parseJson(text);

  it.each(["9223372036854775807", "-9223372036854775808", "18446744073709551615", "7"])(
    "may be a seed of %s",
    (seed) => {
      const body = `{"messages":[{"role":"user","content":"x"}],"seed":${seed}}`;
      expect(validate(ChatCompletionRequestSchema, parsed(body)).seed).toBe(Number(seed));
    },
  );

  it.each([
    ["temperature", "1e400"],
    ["seed", "1e400"],
    ["seed", "0.5"],
    ["max_tokens", "9007199254740993"],
    ["logit_bias", '{"1":1e400}'],
  ])("are refused if no number can represent them: %s of %s", (field, value) => {
    const body = `{"messages":[{"role":"user","content":"x"}],"${field}":${value}}`;
    expect(() => validate(ChatCompletionRequestSchema, parsed(body))).toThrow(new RegExp(`field "${field}`));
  });

  it("are those of the last occurrence if a key occurs twice", () => {
    expect(validate(GenerateRequestSchema, parsed('{"prompt":"a","prompt":"b"}')).prompt).toBe("b");
  });

  it("of an unknown name are refused with the near name", () => {
    const text = '{"prompt":"a","temperatur":1}';
    expect(() => validate(GenerateRequestSchema, parsed(text))).toThrow(/did you mean "temperature"\?/);
  });

  it("never change a prototype, whatever their keys", () => {
    const keys = '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}';
    const body = `{"prompt":"a","json_schema":{${keys},"properties":{${keys}}}}`;
    const { json_schema: schema } = validate(GenerateRequestSchema, parsed(body));
    expect(Object.getPrototypeOf(schema)).toBe(Object.prototype);
    expect(schema).not.toHaveProperty("polluted");
    expect({}).not.toHaveProperty("polluted");
    expect(() => validate(GenerateRequestSchema, parsed(`{"prompt":"a",${keys}}`))).toThrow(/unknown field/);
    expect(validate(ChatCompletionRequestSchema, { ...chat, ...(parsed(`{${keys}}`) as object) })).toEqual(chat);
    expect(validate(GenerateRequestSchema, parsed('{"prompt":"a","logit_bias":{"__proto__":1}}')).logit_bias).toEqual(
      {},
    );
  });

  it.each(["\\ud800", "\\udc00x", "\\u0000", "a\\u0000b"])(
    "may contain %s, which reaches the engine unchanged",
    (text) => {
      const { prompt } = validate(GenerateRequestSchema, parsed(`{"prompt":"${text}"}`));
      expect(JSON.parse(JSON.stringify(prompt))).toBe(JSON.parse(`"${text}"`));
    },
  );

  it.each([
    ["all tools", ChatCompletionRequestSchema, "tools", () => ({ ...chat, tools: [toolOf(long)] })],
    [
      "a call",
      ChatCompletionRequestSchema,
      "messages.0.tool_calls.0.function.arguments",
      () => ({ messages: [{ role: "assistant", tool_calls: [callOf(long)] }] }),
    ],
    ["a user", ChatCompletionRequestSchema, "user", () => ({ ...chat, user: long })],
    ["a text to tokenize", TokenizeRequestSchema, "content", () => ({ content: long })],
    ["one input", EmbeddingsRequestSchema, "input", () => ({ input: "x".repeat(4_194_305) })],
    [
      "all inputs",
      EmbeddingsRequestSchema,
      "input",
      () => ({ input: Array.from({ length: 70 }, () => long.slice(0, 60_000)) }),
    ],
    [
      "a text with its pieces",
      TokenizeRequestSchema,
      "content",
      () => ({ content: "x".repeat(65_537), with_pieces: true }),
    ],
  ] as const)("have a limit: %s", (_, schema, field, body) => {
    expect(refusalOf(() => validate(schema, body()))).toContain(`field "${field}"`);
  });

  it("may fill a context of 128 Ki tokens", () => {
    const large = "x".repeat(8 * 131_072 - 1_000);
    // Only 4 characters per token, as in usual text, since the answer of this route lists each token.
    validate(TokenizeRequestSchema, { content: "x".repeat(4 * 131_072) });
    validate(EmbeddingsRequestSchema, { input: [large] });
    validate(ChatCompletionRequestSchema, { ...chat, tools: [toolOf(large)] });
    validate(ChatCompletionRequestSchema, { messages: [{ role: "assistant", tool_calls: [callOf(large)] }] });
  });
});

function refusalOf(work: () => unknown): string {
  try {
    work();
    return "none";
  } catch (error) {
    return error instanceof Error ? error.message : "no error";
  }
}

function toolOf(description: string): unknown {
  return { type: "function", function: { name: "f", description } };
}

function callOf(text: string): unknown {
  return { id: "1", type: "function", function: { name: "f", arguments: text } };
}

/** Memory that the work takes, garbage included. */
function mebibytesOf(work: () => unknown): number {
  const before = process.memoryUsage().heapUsed;
  try {
    work();
  } catch {
    // Most bodies are invalid.
  }
  return (process.memoryUsage().heapUsed - before) / 1_048_576;
}
