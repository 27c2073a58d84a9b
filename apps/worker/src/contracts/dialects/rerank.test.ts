// Contracts of the routes for ranking and scoring, in the formats of the services whose clients call them.
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import { expectedFakeLogit } from "@waggle/engine";
import { OpenAiErrorSchema, RankingSchema, ScoresSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import type { InlineWorkerOptions } from "../../testing/inline-worker.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start, post, read } = useInlineWorker({ fake: { kind: "rerank" } });

async function refusal(path: string, body: unknown): Promise<string> {
  const response = await post(path, body);
  expect(response.status).toBe(400);
  return OpenAiErrorSchema.parse(await response.json()).error.message;
}

const query = "what does a bee eat";
const documents = ["the sky is blue", "a bee does eat nectar", "a bee flies", ""];
const scores = documents.map((document) => 1 / (1 + Math.exp(-expectedFakeLogit(query, document))));
const order = [1, 2, 0, 3];

describe("ranking", () => {
  test.each(["/v1/rerank", "/rerank", "/v2/rerank", "/v1/reranking", "/reranking"])(
    "%s ranks every document, the best first",
    async (path) => {
      start();
      const response = await post(path, { model: "any", query, documents, top_n: documents.length });
      const body: unknown = await response.json();
      RankingSchema.parse(body);
      expect(body).toMatchObject({
        id: expect.stringMatching(/^rerank-/),
        object: "list",
        model: "waggle-fake",
        results: order.map((index) => ({ index, relevance_score: expect.closeTo(scores[index] ?? NaN, 9) })),
        meta: { api_version: { version: path === "/v2/rerank" ? "2" : "1" } },
      });
      const { usage } = body as { usage: { prompt_tokens: number; total_tokens: number } };
      expect(usage.prompt_tokens).toBeGreaterThan(documents.join("").length);
      expect(usage.total_tokens).toBe(usage.prompt_tokens);
    },
  );

  test("in the format of Jina and Cohere returns the best documents with their texts, which may be objects", async () => {
    start();
    const objects = documents.map((text) => ({ text, id: 7 }));
    const response = await post("/v1/rerank", { query, documents: objects, top_n: 2, return_documents: true });
    expect(await response.json()).toMatchObject({
      results: [
        { index: 1, document: { text: documents[1] } },
        { index: 2, document: { text: documents[2] } },
      ],
    });
    const all = (await (await post("/v1/rerank", { query, documents, top_n: 0 })).json()) as { results: object[] };
    expect(all.results).toHaveLength(4);
    expect(all.results[0]).not.toHaveProperty("document");
  });

  test("in TEI's format returns a bare list, with texts and logits on request", async () => {
    start();
    const bare = await (await post("/rerank", { query, texts: documents })).json();
    expect(bare).toEqual(order.map((index) => ({ index, score: expect.closeTo(scores[index] ?? NaN, 9) })));
    const raw = await (
      await post("/rerank", { query, texts: documents, raw_scores: true, return_text: true, truncate: false })
    ).json();
    expect(raw).toEqual(
      order.map((index) => ({
        index,
        score: expectedFakeLogit(query, documents[index] ?? ""),
        text: documents[index],
      })),
    );
  });

  test("truncates a long document like Jina and Cohere, and like TEI on request", async () => {
    start({ contextSize: 64 });
    const long = [`bee ${"x ".repeat(100)}`];
    const usageOf = async (body: object): Promise<unknown> => await (await post("/rerank", body)).json();
    expect(await usageOf({ query, documents: long })).toMatchObject({ usage: { prompt_tokens: 63 } });
    expect(await usageOf({ query, documents: long, truncate_prompt_tokens: 40 })).toMatchObject({
      usage: { prompt_tokens: 40 },
    });
    expect(await usageOf({ query, texts: long, truncate: true })).toMatchObject([{ index: 0 }]);
    for (const body of [
      { query, texts: long },
      { query, documents: long, truncate: false },
    ]) {
      expect(await refusal("/rerank", body)).toMatch(
        /^Cannot rank a pair of query and document: .* is 63 tokens, but it resulted in \d+ tokens/,
      );
    }
  });

  test("sorts by the model's logits, also when two scores are equal", async () => {
    start();
    const words = Array.from({ length: 50 }, (_, at) => `word${at}`);
    // The first document misses five words: logit 40 instead of 50.
    const close = [words.slice(5).join(" "), words.join(" ")];
    const { results } = (await (await post("/v1/rerank", { query: words.join(" "), documents: close })).json()) as {
      results: object[];
    };
    expect(results).toEqual([1, 0].map((index) => ({ index, relevance_score: 1 })));
  });

  test.each<[body: object, message: RegExp]>([
    [{ query, documents, top_k: 2 }, /"top_k": the number of results is top_n/],
    [{ query, documents, max_tokens_per_doc: 9 }, /"max_tokens_per_doc"/],
    [{ query, documents, texts: documents }, /"texts": there are documents already/],
    [{ query }, /"documents": it is required/],
    [{ query, documents: [] }, /"documents": must not be empty/],
    [{ query, documents: Array.from({ length: 2_049 }, () => "x") }, /"documents": has more than 2048/],
    [{ query, documents: ["a", 7] }, /"documents.1": must be a text, or an object/],
    [{ query: "", documents }, /"query": must not be empty/],
    [{ documents }, /"query"/],
    [{ query, documents, truncation_direction: "Left" }, /"truncation_direction": only the right end/],
  ])("refuses %j", async (body, message) => {
    start();
    expect(await refusal("/v1/rerank", body)).toMatch(message);
  });
});

describe("scoring", () => {
  test("returns the scores of one text with many texts, or of pairs of texts, in order", async () => {
    start();
    const many = await (await post("/v1/score", { model: "m", text_1: query, text_2: documents })).json();
    ScoresSchema.parse(many);
    expect(many).toMatchObject({
      object: "list",
      data: scores.map((score, index) => ({ index, object: "score", score: expect.closeTo(score, 9) })),
    });
    const pairs = { text_1: ["a bee", "a dog"], text_2: ["a dog", "a dog"] };
    const { data } = (await (await post("/score", pairs)).json()) as { data: { score: number }[] };
    expect(data.map(({ score }) => score)).toEqual([expect.closeTo(0.5, 9), expect.closeTo(1 / (1 + Math.exp(-2)), 9)]);
    const one = (await (await post("/score", { text_1: "a", text_2: "a" })).json()) as { data: object[] };
    expect(one.data).toHaveLength(1);
  });

  test("refuses a text that is too long, unless truncate_prompt_tokens is set; -1 truncates to the context", async () => {
    start({ contextSize: 64 });
    const body = { text_1: query, text_2: "x ".repeat(100) };
    expect(await refusal("/v1/score", body)).toMatch(/is 63 tokens/);
    for (const more of [{ truncate_prompt_tokens: -1 }, { truncate: true }]) {
      const answer: unknown = await (await post("/v1/score", { ...body, ...more })).json();
      expect(answer).toMatchObject({ usage: { prompt_tokens: 63 } });
    }
  });

  test("refuses two lists of different lengths, and a missing list", async () => {
    start();
    const refused = await refusal("/score", { text_1: ["a", "b"], text_2: ["a", "b", "c"] });
    expect(refused).toContain('"text_1": it has 2 texts, which is neither one nor as many as text_2 has');
    expect(await refusal("/score", { text_1: "a" })).toContain('"text_2"');
  });
});

describe("a job that ranks", () => {
  /** Starts a worker whose jobs compute, and then wait for `gate`. */
  function startGated(options: InlineWorkerOptions = {}): Record<"computing" | "gate", Deferred<void>> {
    const [computing, gate] = [deferred<void>(), deferred<void>()];
    const embedGate = async (): Promise<void> => {
      computing.resolve();
      await gate.promise;
    };
    start({ ...options, fake: { kind: "rerank", embedGate } });
    return { computing, gate };
  }

  test("can be cancelled during its computation, and leaves no job behind", async () => {
    const { computing, gate } = startGated();
    const answered = post("/v1/rerank", { query, documents });
    await computing.promise;
    expect(worker.registry.liveCount).toBe(1);
    const [job] = worker.registry.liveJobs();
    if (job === undefined) throw new Error("There is no job");
    worker.dispatcher.cancel(job, "client");
    gate.resolve();
    await job.ended.promise;
    expect((await answered).status).toBe(499);
    expect([worker.registry.liveCount, worker.registry.endedCount]).toEqual([0, 0]);
    expect(job.spec.work).toMatchObject({ queries: [], documents: [] });
  });
});

describe("a model of another kind", () => {
  test.each([
    ["generate", "/v1/rerank", { query, documents }, "Cannot rank: this model writes texts"],
    ["embed", "/v1/rerank", { query, documents }, "Cannot rank: this model embeds texts"],
    ["embed", "/v1/score", { text_1: "a", text_2: "b" }, "Start the worker with a reranker"],
    ["embed", "/v1/completions", { prompt: "a" }, "this model embeds texts; it does not write"],
    ["embed", "/v1/chat/completions", { messages: [{ role: "user", content: "a" }] }, "it does not write"],
    ["rerank", "/v1/completions", { prompt: "a" }, "this model ranks texts; it does not write"],
    ["rerank", "/v1/embeddings", { input: "a" }, "Cannot embed: this model ranks texts"],
  ] as const)("with the task %s refuses %s with the reason", async (kind, path, body, message) => {
    start({ fake: { kind } });
    expect(await refusal(path, body)).toContain(message);
  });

  test.each(["embed", "rerank", "generate"] as const)("reports its task in the worker's info: %s", async (kind) => {
    start({ fake: { kind } });
    const info = await read("/v1/info");
    expect(info).toMatchObject({ kind });
    expect("chat" in info).toBe(kind === "generate");
    expect("embedding_size" in info).toBe(kind !== "rerank");
  });
});
