// Tests models that embed or rank, with random weights and computed by llama.cpp.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Backend, EmbedInput, TextPair } from "@waggle/engine";
import { writeRandomModel, type ModelShape } from "@waggle/testing/models";
import { getLlama, type LlamaContextSequence, type Token } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { loadLlamaBackend } from "../load/load.ts";

const folder = mkdtempSync(join(tmpdir(), "encoders-"));

const tiny = {
  ...{ like: "none", layers: 2, width: 64, heads: 4, kvHeads: 4, feedForward: 128 },
  ...{ vocabulary: 1_024, context: 160 },
};
const texts = ["a bee", "a bee flies", "the sky is blue today", "", "a dog ran to the park"];

function write(encoder: NonNullable<ModelShape["encoder"]>): string {
  const path = join(folder, `${encoder}.gguf`);
  writeRandomModel({ name: encoder, ...tiny, encoder }, path);
  return path;
}

const load = (modelPath: string): Promise<Backend> =>
  loadLlamaBackend({ modelPath, slots: 2, threads: 2, device: "cpu" });

function embedderOf({ embedder }: Backend): NonNullable<Backend["embedder"]> {
  if (embedder === undefined) throw new Error("The backend has no embedder");
  return embedder;
}

async function compute(backend: Backend, text: EmbedInput | TextPair): Promise<readonly number[]> {
  const embedder = embedderOf(backend);
  return (await embedder.feed({ tokens: await embedder.tokenize(text), first: true, last: true })) ?? [];
}

const cosine = (a: readonly number[], b: readonly number[] = []): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

describe("a model that embeds texts", () => {
  let backend: Backend;
  let modelPath: string;
  beforeAll(async () => {
    modelPath = write("embed");
    backend = await load(modelPath);
  });
  afterAll(() => backend.dispose());

  test("reports its kind, and the limit for texts", () => {
    expect(backend.info).toMatchObject({ kind: "embed", embeddingSize: 64, contextSize: 160, trainedContextSize: 160 });
    expect(embedderOf(backend)).toMatchObject({ width: 64, maxTokens: 160, mustBeWhole: true });
  });

  test("adds the model's special tokens around a text, but does not double them", async () => {
    const { tokenize } = embedderOf(backend);
    const [bee, none] = [await tokenize("a bee"), await tokenize("")];
    expect(none).toEqual([2, 3]);
    expect([bee[0], bee.at(-1)]).toEqual([2, 3]);
    expect(await tokenize(bee)).toEqual(bee);
    await expect(tokenize([5, 1_024])).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("is unavailable as long as there is no memory for its context", async () => {
    const free = vi.spyOn(process, "availableMemory").mockReturnValue(1_000);
    await expect(compute(backend, "a bee")).rejects.toMatchObject({ code: "unavailable" });
    free.mockRestore();
    expect(await compute(backend, "a bee")).toHaveLength(64);
  });

  test("returns the library's vectors, scaled to length 1, even for a text of the greatest length", async () => {
    await using llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false });
    await using model = await llama.loadModel({ modelPath });
    await using context = await model.createEmbeddingContext({ contextSize: 256, batchSize: 256, threads: 1 });
    const longest = "b ".repeat(158).trim();
    expect(await embedderOf(backend).tokenize(longest)).toHaveLength(160);
    for (const text of [...texts, longest].filter((each) => each !== "")) {
      const { vector } = await context.getEmbeddingFor(text);
      const own = await compute(backend, text);
      expect(Math.hypot(...own)).toBeCloseTo(1);
      expect(cosine(own, vector) / Math.hypot(...vector), text).toBeGreaterThan(0.9999);
    }
  });

  test("can tokenize, but not generate", async () => {
    const tokens = await backend.tokenizeText("a bee", true, false);
    expect(tokens[0]).toBe(2);
    const bytes = Buffer.concat(tokens.map((token) => backend.tokenBytes(token)));
    expect(bytes.toString()).toBe(" a bee");
    expect(backend.generator).toBeUndefined();
  });
});

describe("a model that ranks texts", () => {
  let backend: Backend;
  let modelPath: string;
  beforeAll(async () => {
    modelPath = write("rerank");
    backend = await load(modelPath);
  });
  afterAll(() => backend.dispose());

  const query = "what is a bee";

  test("joins a query and its document into one text", async () => {
    expect(backend.info).toMatchObject({ kind: "rerank" });
    const { tokenize, width } = embedderOf(backend);
    const pair = await tokenize({ query, document: "a dog" });
    expect(width).toBe(1);
    const [first, second] = [await tokenize(query), await tokenize("a dog")];
    expect(pair).toEqual([...first, ...second.slice(1)]);
  });

  test("returns the library's logit for the same tokens", async () => {
    await using llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false });
    await using model = await llama.loadModel({ modelPath });
    await using context = await model.createRankingContext({ contextSize: 256, batchSize: 256, threads: 1 });
    // The library's public API does not end a pair with a separator, so use its internals.
    const { _llamaContext: library, _sequence: sequence } = context as unknown as {
      readonly _llamaContext: { readonly _ctx: { getEmbedding(tokens: number, most: number): Float64Array } };
      readonly _sequence: LlamaContextSequence;
    };
    for (const document of texts) {
      const tokens = await embedderOf(backend).tokenize({ query, document });
      await sequence.eraseContextTokenRanges([{ start: 0, end: sequence.nextTokenIndex }]);
      await sequence.evaluateWithoutGeneratingNewTokens(tokens as Token[]);
      expect((await compute(backend, { query, document }))[0]).toBeCloseTo(
        library._ctx.getEmbedding(tokens.length, 1)[0] ?? NaN,
        3,
      );
    }
  });
});
