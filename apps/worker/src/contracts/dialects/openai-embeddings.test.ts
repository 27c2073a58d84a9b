// Contracts of the embeddings route: texts, tokens, many inputs, shorter vectors.
import { expectedFakeVector, fakeVectorWidth } from "@waggle/engine";
import { OpenAiErrorSchema } from "@waggle/protocol";
import { expect, test } from "vitest";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start, post, answerOf } = useInlineWorker();

interface Embeddings {
  readonly data: readonly { readonly index: number; readonly embedding: readonly number[] }[];
  readonly usage: { readonly prompt_tokens: number };
}

const embed = async (body: unknown) => (await answerOf("/v1/embeddings", body)) as unknown as Embeddings;
const vectorsOf = async (body: unknown): Promise<readonly (readonly number[])[]> =>
  (await embed(body)).data.map(({ embedding }) => embedding);

test("2,048 texts get a vector each, in order", async () => {
  start({ fake: { kind: "embed" } });
  const input = Array.from({ length: 2_048 }, (_, i) => `text ${i}`);
  const response = await embed({ input, user: "me" });
  expect(response.data.map(({ index }) => index)).toEqual(input.map((_, i) => i));
  expect(response.data.map(({ embedding }) => embedding)).toEqual(input.map(expectedFakeVector));
  // The job is not kept: no client can read it again, and vectors take much memory.
  expect([worker.registry.liveCount, worker.registry.endedCount]).toEqual([0, 0]);
});

test("base64 has little-endian 32-bit floats", async () => {
  start();
  const { data } = await embed({ input: "a bee", encoding_format: "base64" });
  const bytes = Buffer.from(String(data[0]?.embedding), "base64");
  const floats = Array.from({ length: fakeVectorWidth }, (_, i) => bytes.readFloatLE(4 * i));
  expect(floats).toEqual(expectedFakeVector("a bee").map(Math.fround));
});

test("one list of tokens is one text, and several lists are several texts", async () => {
  start();
  const tokens = [[256, 5, 6], [256, 7], [8]];
  expect(await vectorsOf({ input: tokens[0] })).toEqual([expectedFakeVector(tokens[0] ?? [])]);
  expect(await vectorsOf({ input: tokens })).toEqual(tokens.map(expectedFakeVector));
});

test("a shorter vector is the beginning of the whole vector, normalized to length 1", async () => {
  start();
  const [whole = [], short = []] = [
    ...(await vectorsOf({ input: "a bee" })),
    ...(await vectorsOf({ input: "a bee", dimensions: 3 })),
  ];
  const length = Math.hypot(...whole.slice(0, 3));
  expect(short).toHaveLength(3);
  short.forEach((value, i) => expect(value).toBeCloseTo((whole[i] ?? NaN) / length, 9));
  expect(await vectorsOf({ input: "a bee", dimensions: fakeVectorWidth })).toEqual([whole]);
});

test.each<[what: string, body: object, message: RegExp]>([
  ["too many numbers", { input: "a", dimensions: 9 }, /"dimensions": the model's vectors have 8 numbers/],
  ["too many texts", { input: Array.from({ length: 2_049 }, () => "x") }, /"input": .*2048/],
  ["an empty text", { input: ["a", ""] }, /"input.*": .*empty/],
  ["no texts", { input: [] }, /"input.*": .*empty/],
  ["an empty list of tokens", { input: [[1], []] }, /"input.*": .*empty/],
  ["an unknown token", { input: [100_000] }, /Cannot embed token 100000/],
  [
    "more tokens than the limit",
    { input: Array.from({ length: 5_000 }, () => 1) },
    /^Cannot embed a text: .* 4095 tokens, but it resulted in 5000 tokens/,
  ],
])("refuses %s with the reason", async (_, body, message) => {
  start();
  const response = await post("/v1/embeddings", body);
  expect(response.status).toBe(400);
  expect(OpenAiErrorSchema.parse(await response.json()).error.message).toMatch(message);
});
