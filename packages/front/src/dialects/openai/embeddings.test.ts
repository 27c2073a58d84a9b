import { expect, it } from "vitest";
import { embeddingsJson } from "./embeddings.ts";

/** The values are multiples of one half, which 32-bit floats represent exactly. */
const vectorsOf = (count: number, width: number) =>
  Array.from({ length: count }, (_, row) => Array.from({ length: width }, (_unused, column) => (row - column) / 2));

it.each([
  [0, 4, 1],
  [1, 4, 1],
  [3, 4, 1],
  [33, 1_024, 2],
  [100, 1_024, 4],
  [3, 70_000, 3],
])("%i vectors of %i numbers are one body in %i pieces", (count, width, pieces) => {
  const vectors = vectorsOf(count, width);
  const made = embeddingsJson({ vectors, tokens: 7 }, "m", false);
  expect(made).toHaveLength(pieces);
  expect(made.map((piece) => piece()).join("")).toBe(
    JSON.stringify({
      object: "list",
      data: vectors.map((embedding, index) => ({ object: "embedding", index, embedding })),
      model: "m",
      usage: { prompt_tokens: 7, total_tokens: 7 },
    }),
  );
});
