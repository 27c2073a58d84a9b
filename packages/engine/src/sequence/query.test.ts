import { expect, test } from "vitest";
import { createPieceQueue } from "./piece-queue.ts";
import { answer } from "./query.ts";
import { createFakeBackend } from "../fake/fake-backend.ts";
import { maxCharsPerToken } from "../port/prompt-length.ts";
import { generatorOf } from "./prepare.ts";
import { withGenerator } from "../testing/engine-harness.ts";

const backend = createFakeBackend({ slots: 1, contextSize: 64 });
const question = { kind: "tokenize", text: "é", addSpecial: false, parseSpecial: false, withPieces: false } as const;

test("the answer to a text is its tokens, with their bytes if requested", async () => {
  expect(await answer(backend, question)).toEqual({ kind: "tokenize", tokens: [0xc3, 0xa9] });
  const { pieces } = (await answer(backend, { ...question, withPieces: true })) as { pieces?: readonly string[] };
  expect(pieces).toEqual([btoa("\u00c3"), btoa("\u00a9")]);
});

test("a token with a million bytes does not overflow the stack", async () => {
  const bytes = new Uint8Array(1_000_000).fill(0x61);
  const long = { ...backend, tokenizeText: async () => [1], tokenBytes: () => bytes };
  const { pieces } = (await answer(long, { ...question, withPieces: true })) as { pieces?: readonly string[] };
  expect(pieces?.[0]).toHaveLength(Math.ceil(1_000_000 / 3) * 4);
});

test("a model that does not generate answers only the queries about its tokens", async () => {
  const embeds = createFakeBackend({ slots: 1, contextSize: 64, kind: "embed" });
  expect(await answer(embeds, question)).toMatchObject({ kind: "tokenize" });
  for (const kind of ["render", "count"] as const) {
    const message = "Cannot generate: this model embeds texts; it does not write.";
    expect(await answer(embeds, { kind, messages: [{ role: "user", content: "a bee" }] })).toEqual({
      kind: "failed",
      failure: { code: "invalid_argument", message },
    });
  }
});

test("a query with many tokens takes several turns of the event loop", async () => {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  const tokens = Array.from({ length: 100_000 }, () => 0x61);
  expect(await answer(backend, { kind: "detokenize", tokens }, createPieceQueue({ now: () => 0 }).of("a"))).toEqual({
    kind: "detokenize",
    text: "a".repeat(100_000),
  });
  clearImmediate(timer);
  expect(turns).toBeGreaterThan(10);
});

test("a conversation that is far too long is not rendered", async () => {
  const content = "x".repeat(64 * maxCharsPerToken);
  const rendered = withGenerator(() => ({ renderMessages: () => expect.fail("rendered") }))(backend);
  expect(await answer(rendered, { kind: "render", messages: [{ role: "user", content }] })).toMatchObject({
    kind: "failed",
    failure: { code: "invalid_argument" },
  });
});

test("the answer to a count is the number of tokens of the conversation as a prompt, not of its rendered text", async () => {
  const messages = [{ role: "user", content: "a bee" }] as const;
  const { entries } = await generatorOf(backend).tokenize({ kind: "messages", messages });
  expect(await answer(backend, { kind: "count", messages })).toEqual({ kind: "count", promptTokens: entries.length });
  const content = "x".repeat(64 * maxCharsPerToken);
  expect(await answer(backend, { kind: "count", messages: [{ role: "user", content }] })).toMatchObject({
    failure: { code: "invalid_argument", details: { n_ctx: 64 } },
  });
});
