import { SamplingSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { withGenerator } from "../testing/engine-harness.ts";
import { createFakeBackend } from "../fake/fake-backend.ts";
import type { TemplateMessage, TemplateTool } from "../port/prompts.ts";
import type { EngineJob } from "../port/messages.ts";
import { freePieces } from "../port/pieces.ts";
import type { TextGenerator } from "../port/generator.ts";
import type { Embedder } from "../port/texts.ts";
import type { EmbedWork, GenerateWork } from "../port/work.ts";
import { maxCharsPerToken } from "../port/prompt-length.ts";
import { adaptersOf, createPreparer, failureOf, type Preparer } from "./prepare.ts";

function job(given: Partial<GenerateWork> = {}): EngineJob {
  const sampling = SamplingSchema.parse({});
  const prompt = { kind: "text", text: "Hello" } as const;
  const work: GenerateWork = { kind: "generate", prompt, choices: 1, stop: [], sampling, ...given };
  return { jobId: "a", work, cacheScope: "alice", priority: 0 };
}

function embedJob(...texts: string[]): EngineJob<EmbedWork> {
  return { jobId: "a", work: { kind: "embed", texts }, cacheScope: "alice", priority: 0 };
}

const text = (prompt: string) => ({ prompt: { kind: "text", text: prompt } }) as const;

/** @param replaced functions of the fake generator */
function preparer(replaced: Partial<TextGenerator> = {}, random32 = () => 7): Preparer {
  const backend = withGenerator(() => replaced)(createFakeBackend({ slots: 1, contextSize: 10 }));
  return createPreparer({ backend, random32 });
}

/** @param replaced fields of the fake embedder */
function embedPreparer(replaced: Partial<Embedder>): Preparer {
  const { embedder, ...fake } = createFakeBackend({ slots: 1, contextSize: 10 });
  if (embedder === undefined) expect.fail("no embedder");
  return createPreparer({ backend: { ...fake, embedder: { ...embedder, ...replaced } }, random32: () => 7 });
}

const tokenize = () => expect.fail("tokenized");

describe("preparing", () => {
  test("returns tokens, and draws a seed for a job without one", async () => {
    expect(await preparer()(job())).toMatchObject({ prompt: { length: 6 }, sampling: { seed: 7 } });
    expect(await preparer({}, () => -1)(job())).toMatchObject({ sampling: { seed: 4_294_967_295 } });
    const seeded = job({ sampling: SamplingSchema.parse({ seed: 3 }) });
    expect(await preparer()(seeded)).toMatchObject({ sampling: { seed: 3 } });
  });

  test("refuses a prompt without room for an answer, and names both numbers of tokens", async () => {
    await expect(preparer()(job(text("12345678")))).resolves.toBeDefined();
    const refused = preparer()(job(text("123456789")));
    await expect(refused).rejects.toMatchObject({
      code: "invalid_argument",
      message:
        "Cannot accept the prompt: it exceeds the context window. This model's maximum context length is 10 tokens, the answer included, but it resulted in 10 tokens, so the request exceeds the available context size. Reduce the length of the messages or texts.",
      details: { n_prompt_tokens: 10, n_ctx: 10 },
    });
  });

  test("skips the rest of the texts when the client has disconnected", async () => {
    const leaving = new AbortController();
    const tokenized: unknown[] = [];
    const prepare = embedPreparer({
      async tokenize(text) {
        tokenized.push(text);
        if (tokenized.length === 2) leaving.abort();
        return [1];
      },
    });
    const left = prepare(embedJob("one", "two", "three"), { ...freePieces, signal: leaving.signal });
    await expect(left).rejects.toThrow("aborted");
    expect(tokenized).toEqual(["one", "two"]);
  });

  test("refuses a prompt without tokens, whose first pass would never come", async () => {
    const refused = preparer({ tokenize: async () => ({ entries: [], chunks: [] }) })(job(text("")));
    await expect(refused).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("no tokens"),
    });
  });

  test("refuses a far too long prompt without tokenizing it", async () => {
    const refused = preparer({ tokenize })(job(text(" ".repeat(10 * maxCharsPerToken))));
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining("10 tokens or more") });
  });

  test.each(
    Object.entries<{ messages?: TemplateMessage[]; tools?: TemplateTool[] }>({
      thoughts: { messages: [{ role: "assistant", content: "", reasoning_content: "x".repeat(640) }] },
      "a call's arguments": {
        messages: [
          {
            role: "assistant",
            content: "",
            tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: { a: ["x".repeat(640)] } } }],
          },
        ],
      },
      "a tool's name": { messages: [], tools: [{ type: "function", function: { name: "x".repeat(640) } }] },
      "the keys of a schema": {
        messages: [],
        tools: [{ type: "function", function: { name: "f", parameters: { properties: { ["x".repeat(640)]: {} } } } }],
      },
      "very many numbers": {
        messages: [],
        tools: [{ type: "function", function: { name: "f", parameters: { enum: Array(640).fill(1) } } }],
      },
    }),
  )("counts the text in %s as well", async (_, { messages = [], tools = [] }) => {
    const refused = preparer({ tokenize })(job({ prompt: { kind: "messages", messages, tools } }));
    await expect(refused).rejects.toMatchObject({ message: expect.stringMatching(/1\d tokens or more/) });
  });

  test("accepts code with a hole of any length, because the backend cuts it to the context", async () => {
    const prepare = preparer({ tokenize: async () => ({ entries: [1, 2], chunks: [] }) });
    const long = "x".repeat(10 * maxCharsPerToken);
    const infill = { prefix: long, suffix: long, extra: [{ filename: "a.c", text: long }], prompt: long };
    await expect(prepare(job({ prompt: { kind: "infill", infill } }))).resolves.toMatchObject({ promptTokens: 2 });
  });

  test("refuses a far too long text to embed before tokenizing any text", async () => {
    const prepare = embedPreparer({ maxTokens: 9, tokenize });
    await expect(prepare(embedJob("short", "x".repeat(9 * maxCharsPerToken + 1)))).rejects.toMatchObject({
      message: expect.stringMatching(
        /^Cannot embed a text: .* length is 9 tokens, but it resulted in 10 tokens or more,/,
      ),
    });
  });
});

test("a failure does not show an internal error to the client", () => {
  expect(failureOf(new Error("/secret/path"))).toEqual({
    code: "internal",
    message: "Something went wrong inside the daemon; its log has the cause.",
  });
});

const loaded = [1, 0.5].map((scale, id) => ({ id, file: `${id}.gguf`, scale }));

test("a choice of adapters becomes a scale for each adapter, or undefined for the scales at load", () => {
  expect(adaptersOf(undefined, loaded)).toBeUndefined();
  expect(adaptersOf([{ id: 1, scale: 2 }], loaded)).toEqual([0, 2]);
  expect(adaptersOf([], loaded)).toEqual([0, 0]);
  expect(adaptersOf([], [])).toBeUndefined();
  const own = loaded.map(({ id, scale }) => ({ id, scale }));
  expect(adaptersOf(own.toReversed(), loaded)).toBeUndefined();
  expect(() => adaptersOf([{ id: 2, scale: 1 }], loaded)).toThrow("there is no adapter 2; the model has 2, from 0");
  expect(() => adaptersOf([{ id: 0, scale: 1 }], [])).toThrow("the model has no adapters");
});
