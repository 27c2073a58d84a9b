import { SamplingSchema } from "@waggle/protocol";
import { expect, test } from "vitest";
import { describeBindings, loadOn } from "../testing/bindings.ts";
import { storyModel } from "../testing/story-model.ts";
import { createOnlyTokens } from "./only-tokens.ts";

const words = ['{"', "city", '":', ' "', "Par", "Paris", ' "a', "}\n", "a", "1"];
let calls = 0;

/** Takes the longest word at each place. */
function tokenize(text: string): number[] {
  calls += 1;
  const tokens: number[] = [];
  for (let at = 0; at < text.length;) {
    const word = words.filter((each) => text.startsWith(each, at)).toSorted((a, b) => b.length - a.length)[0];
    if (word === undefined) throw new Error(`No word at ${text.slice(at)}`);
    tokens.push(words.indexOf(word));
    at += word.length;
  }
  return tokens;
}

test("the tokens of a continuation leave out a last token that could become a longer one, except before a marker", () => {
  const onlyTokens = createOnlyTokens(tokenize);
  expect(onlyTokens([])).toEqual([]);
  expect(onlyTokens(['{"city":'])).toEqual([0, 1, 2]);
  expect(onlyTokens(['{"city": "']), "' \"a' is a token").toEqual([0, 1, 2]);
  expect(onlyTokens([' "', 99, "}\n"])).toEqual([3, 99, 7]);
  const before = calls;
  expect(onlyTokens(['{"city":'])).toEqual([0, 1, 2]);
  expect(calls, "kept").toBe(before);
});

describeBindings((binding) => {
  test("a slot's only tokens spell what its grammar demands", async () => {
    const options = { slots: 1, contextSize: 128, batchSize: 64, threads: 1, device: "cpu" } as const;
    const backend = await loadOn(binding, { ...options, modelPath: storyModel });
    try {
      const grammar = 'root ::= " the little bee went home" [ .!]*';
      const sampling = { ...SamplingSchema.parse({ temperature: 0, grammar }), seed: 1 };
      await backend.generator?.begin(0, 0, sampling, { entries: [], tokens: [], nextPosition: 0 });
      const tokens = backend.generator?.onlyTokens(0) ?? [];
      const text = Buffer.concat(tokens.map((token) => backend.tokenBytes(token))).toString();
      expect([" the little bee went home", " the little bee went"]).toContain(text);
    } finally {
      await backend.dispose();
    }
  });
});
