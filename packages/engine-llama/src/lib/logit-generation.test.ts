import { SamplingSchema } from "@waggle/protocol";
import type { LlamaContextSequence, Token as LlamaToken } from "node-llama-cpp";
import { expect, test } from "vitest";
import { generateFromLogits } from "./logit-generation.ts";

const logits = new Map([5, 6, 7].map((token) => [token as LlamaToken, -token]));

/** What the library was asked for, and how often the grammar for candidates, in two steps. */
async function asked(more: {
  readonly presence_penalty?: number;
}): Promise<{ filters: unknown[]; candidates: number }> {
  const filters: unknown[] = [];
  let candidates = 0;
  const controlledEvaluate = async (input: [unknown, { generateNext: { logits: unknown } }][]) => {
    filters.push(input[0]?.[1].generateNext.logits);
    return [{ next: { logits } }];
  };
  const generation = generateFromLogits({
    sequence: { controlledEvaluate } as unknown as LlamaContextSequence,
    tokens: [1 as LlamaToken],
    sampling: { ...SamplingSchema.parse({ temperature: 0, ...more }), seed: 1 },
    recent: () => [],
    banned: () => false,
    grammar: {
      say: () => {},
      candidates() {
        candidates += 1;
        return [7];
      },
      allows: (token) => token === 7,
      accept: () => {},
    },
    evaluation: { evaluationPriority: 1, contextShift: { strategy: () => expect.unreachable() } },
    forced: () => undefined,
    onEvaluated: () => {},
  });
  for (let i = 0; i < 2; i += 1) expect((await generation.next()).value?.token).toBe(7);
  return { filters, candidates };
}

test("a grammar is asked for candidates at each step", async () => {
  const filter = { tokens: [7], includeTop: 256 };
  expect(await asked({})).toEqual({ filters: [{ filter }, { filter }], candidates: 2 });
});

test("a grammar is not asked for candidates where all tokens' logits are there", async () => {
  expect(await asked({ presence_penalty: -1 })).toEqual({ filters: [true, true], candidates: 0 });
});
