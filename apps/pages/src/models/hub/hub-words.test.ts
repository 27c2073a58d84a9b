// Shows the texts for models of the hub.
import type { HubFile } from "@waggle/protocol";
import { expect, it } from "vitest";
import { fileToTake, hubName, popularityWords, sizeWords, verdictOf } from "./hub-words.ts";

const file: HubFile = { reference: "hf:a/b/c.gguf", file: "c.gguf", bytes: 2.5e9, parts: 1, pictures: false };
const fit = { verdict: "fits", context_size: 8_192, one_answer_bytes: 3.1e9, memory_bytes: 5e9, gpu: "none" } as const;

it("describes repositories and files", () => {
  const model = { reference: "hf:a/b", downloads: 1_234, likes: 1, gated: false };
  expect(popularityWords(model)).toBe("1,234 downloads in a month · 1 like");
  expect(popularityWords({ ...model, gated: true })).toMatch(/ · needs a token of the hub$/);
  expect(sizeWords({ ...file, fit })).toBe(
    "2.5 GB · needs 3.1 GB of memory for one answer, 5.0 GB for several, with 8,192 tokens of context",
  );
  expect(sizeWords({ ...file, parts: 3, fit: { ...fit, verdict: "none", memory_bytes: 3.1e9 }, pictures: true })).toBe(
    "2.5 GB in 3 parts · needs 3.1 GB of memory for one answer · pictures",
  );
  expect(sizeWords({ ...file, problem: "unknown architecture" })).toBe("2.5 GB · unknown architecture");
  expect(hubName("https://hub.example/x")).toBe("hub.example");
});

it.each([
  [{ verdict: "fits" }, "fits", "good"],
  [{ verdict: "fits", gpu: "whole" }, "fits, all on the GPU", "good"],
  [{ verdict: "smaller", gpu: "part" }, "fits with a smaller context, partly on the GPU", "warn"],
  [{ verdict: "none" }, "does not fit", "bad"],
] as const)("of %j, says %s", (more, words, tone) => expect(verdictOf({ ...fit, ...more })).toEqual({ words, tone }));

it("marks the file to take: the best quantization that fits with the whole context", () => {
  const file = (quantization: string, verdict?: "fits" | "smaller" | "none"): HubFile => ({
    ...{
      reference: `hf:bees/bee/${quantization}`,
      file: quantization,
      quantization,
      bytes: 1,
      parts: 1,
      pictures: false,
    },
    ...(verdict === undefined
      ? {}
      : { fit: { verdict, context_size: 1, one_answer_bytes: 1, memory_bytes: 1, gpu: "none" } }),
  });
  const [large, middle, small, unknown] = [
    file("Q8_0", "smaller"),
    file("Q4_K_M", "smaller"),
    file("Q4_0", "fits"),
    file("Q5_K_M"),
  ];
  expect(fileToTake([unknown, small, middle, large])).toBe(small);
  expect(fileToTake([unknown, middle, large])).toBe(middle);
  expect(fileToTake([unknown, file("Q4_K_M", "none")])).toBeUndefined();
});
