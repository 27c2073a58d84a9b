import { expect, test } from "vitest";
import { createInfillSearch, type InfillMarkers } from "./infill-markers.ts";

function search(metadata: Readonly<Record<string, number>>, pieces: readonly string[]): InfillMarkers | undefined {
  const { onToken, found } = createInfillSearch();
  pieces.forEach((piece, index) => onToken(Buffer.from(piece), 0, Buffer.byteLength(piece), index));
  return found({ number: (key) => metadata[key.replace("tokenizer.ggml.", "")] });
}

test("markers are read from metadata, also under their older keys", () => {
  const metadata = { fim_pre_token_id: 7, suffix_token_id: 8, middle_token_id: 9, fim_sep_token_id: 10 };
  expect(search(metadata, ["<|fim_prefix|>"])).toEqual({
    prefix: 7,
    suffix: 8,
    middle: 9,
    repository: undefined,
    file: 10,
  });
});

test("markers are found by their texts in the vocabulary", () => {
  const pieces = ["a", "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", "<|file_sep|>", "<｜fim▁begin｜>"];
  expect(search({}, pieces)).toMatchObject({ prefix: 1, suffix: 2, middle: 3, file: 4 });
});

test("a model without a prefix, suffix or middle marker has no infill markers", () => {
  expect(search({}, ["<|fim_prefix|>", "<|fim_suffix|>"])).toBeUndefined();
});
