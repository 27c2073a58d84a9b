// Tests models for embeddings and reranking in real workers: vectors for unmodified clients, and scores of documents.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { OpenAIEmbeddings } from "@langchain/openai";
import { poll } from "@waggle/testing/harness";
import { embedMany } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RankingSchema } from "@waggle/protocol";
import { killDaemons } from "../support/daemon.ts";
import { readingContext, readingWidth, spawnReadingWorker } from "./reading-worker.ts";

type Worker = Awaited<ReturnType<typeof spawnReadingWorker>>;

let embedding: Worker;
let ranking: Worker;
beforeAll(async () => {
  [embedding, ranking] = await Promise.all([spawnReadingWorker("embed"), spawnReadingWorker("rerank")]);
});
afterAll(killDaemons);

const isIdle = async ({ client }: Worker): Promise<boolean> => {
  const { slots, queue } = await client.health();
  return slots.busy === 0 && queue.depth === 0;
};

async function post(worker: Worker, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return await fetch(worker.url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

const cosine = (a: readonly number[] = [], b: readonly number[] = []): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

describe("an embedding model", () => {
  const texts = Array.from(
    { length: 300 },
    (_, i) => `note ${i} on bees, nectar and the ${"very ".repeat(i % 5)}blue sky`,
  );
  let client: OpenAI;
  beforeAll(() => void (client = new OpenAI({ baseURL: `${embedding.url}/v1`, apiKey: "none", maxRetries: 0 })));

  test("reports its kind, its vector size and its context", async () => {
    expect(await embedding.client.info()).toMatchObject({
      kind: "embed",
      embedding_size: readingWidth,
      context_size: readingContext,
    });
  });

  test("the AI SDK's embedMany and LangChain embed 300 texts, and get the same vectors", async () => {
    const provider = createOpenAICompatible({ name: "waggle", baseURL: `${embedding.url}/v1` });
    const { embeddings, usage } = await embedMany({ model: provider.embeddingModel("m"), values: texts });
    const options = { apiKey: "none", configuration: { baseURL: `${embedding.url}/v1` }, maxRetries: 0 };
    const documents = await new OpenAIEmbeddings({ model: "m", ...options }).embedDocuments(texts);
    expect([embeddings.length, documents.length]).toEqual([300, 300]);
    expect(usage.tokens).toBeGreaterThan(300 * 5);
    embeddings.forEach((vector, i) => {
      expect(vector).toHaveLength(readingWidth);
      expect(cosine(vector, documents[i]), texts[i]).toBeCloseTo(1, 3);
    });
    expect(cosine(embeddings[0], embeddings[1])).toBeLessThan(0.9999);
  });

  test("the openai client embeds 2,048 texts in a request", async () => {
    const input = Array.from({ length: 2_048 }, (_, i) => `t ${i}`);
    const { data, usage } = await client.embeddings.create({ model: "m", input });
    expect(data.map(({ index }) => index)).toEqual(input.map((_, i) => i));
    expect(usage.prompt_tokens).toBeGreaterThan(2_048 * 3);
    await expect(client.embeddings.create({ model: "m", input: [...input, "one more"] })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("2048"),
    });
  });

  test("the tokens of a text give the same vector as the text", async () => {
    const own = ["a bee", "the sky is blue"];
    const tokens = await Promise.all(
      own.map(async (content) => {
        const response = await post(embedding, "/tokenize", { content, add_special: false });
        const { tokens: found } = (await response.json()) as { tokens: number[] };
        // [CLS] and [SEP]: the model needs these tokens around a text.
        return [2, ...found, 3];
      }),
    );
    const [asTexts, asTokens] = await Promise.all([
      client.embeddings.create({ model: "m", input: own }),
      client.embeddings.create({ model: "m", input: tokens }),
    ]);
    asTexts.data.forEach(({ embedding: vector }, i) =>
      expect(cosine(vector, asTokens.data[i]?.embedding), own[i]).toBeCloseTo(1, 3),
    );
    const [single] = (await client.embeddings.create({ model: "m", input: tokens[0] ?? [] })).data;
    expect(cosine(single?.embedding, asTexts.data[0]?.embedding)).toBeCloseTo(1, 3);
  });

  test("shortened vectors are the same as numbers and as base64", async () => {
    const request = { model: "m", input: "a bee", dimensions: 16 };
    const floats = await client.embeddings.create({ ...request, encoding_format: "float" });
    const decoded = await client.embeddings.create(request);
    const [vector = []] = floats.data.map((entry) => entry.embedding);
    expect(vector).toHaveLength(16);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    decoded.data[0]?.embedding.forEach((value, i) => expect(value).toBeCloseTo(vector[i] ?? NaN, 5));
    await expect(client.embeddings.create({ ...request, dimensions: readingWidth + 1 })).rejects.toMatchObject({
      status: 400,
      param: "dimensions",
      message: expect.stringContaining(`have ${readingWidth} numbers`),
    });
  });

  test("refuses a text that is too long, and requests to generate text, each with the reason", async () => {
    await expect(client.embeddings.create({ model: "m", input: "b ".repeat(200) })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining(`is ${readingContext} tokens, but it resulted in 202 tokens`),
    });
    for (const answer of [
      client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "Hi" }] }),
      client.completions.create({ model: "m", prompt: "Hi" }),
    ]) {
      await expect(answer).rejects.toMatchObject({
        status: 400,
        message: expect.stringContaining("this model embeds texts; it does not write"),
      });
    }
    expect((await post(embedding, "/v1/rerank", { query: "a", documents: ["b"] })).status).toBe(400);
    expect(await isIdle(embedding)).toBe(true);
  });
});

describe("a model that ranks", () => {
  const query = "what do bees eat";
  const documents = ["the sky is blue", "bees eat nectar and pollen", "a dog ran to the park", "honey"];

  interface Result {
    readonly index: number;
    readonly relevance_score: number;
  }

  async function rank(path: string, body: object): Promise<readonly Result[]> {
    const response = await post(ranking, path, { query, documents, ...body });
    expect(response.status, await response.clone().text()).toBe(200);
    const answer: unknown = await response.json();
    RankingSchema.parse(answer);
    return (answer as { results: readonly Result[] }).results;
  }

  test("a request of Open WebUI or Continue gets a score for each document", async () => {
    const webUi = await rank("/v1/rerank", { model: "m", top_n: documents.length });
    expect(webUi.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    const scores = webUi.map((result) => result.relevance_score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores.every((score) => score > 0 && score < 1)).toBe(true);
    expect(new Set(scores).size).toBe(4);
    const inOrder = (await rank("/rerank", { model: "m" })).toSorted((a, b) => a.index - b.index);
    expect(inOrder.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });

  test("a document that is too long is truncated, but a request with `texts` is refused", async () => {
    const [cut] = await rank("/v1/rerank", { documents: ["nectar ".repeat(500)] });
    const [short] = await rank("/v1/rerank", { documents: ["nectar ".repeat(400)] });
    expect(cut).toEqual(short);
    const refused = await post(ranking, "/rerank", { query, texts: ["nectar ".repeat(500)] });
    expect(await refused.text()).toContain(`is ${readingContext} tokens`);
  });

  test("a long job does not delay other clients, and ends when its client disconnects", async () => {
    const leaving = new AbortController();
    const many = Array.from({ length: 2_048 }, (_, i) => `document ${i} ${"on bees ".repeat(60)}`);
    const left = post(ranking, "/v1/rerank", { query, documents: many }, leaving.signal);
    await poll("a condition to hold", async () => (await ranking.client.health()).slots.busy === 1);
    expect(await rank("/v1/rerank", {})).toHaveLength(4);
    expect((await ranking.client.health()).slots.busy).toBe(1);
    leaving.abort();
    await expect(left).rejects.toThrow("aborted");
    await poll("a condition to hold", async () => await isIdle(ranking));
  });
});
