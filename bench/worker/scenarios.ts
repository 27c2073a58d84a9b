// Owns the list of scenarios, in the order in which they are played and shown, and the scenarios whose prompts share nothing.
import { percentile, ttftOf } from "@waggle/testing/harness";
import { contexts, joining } from "./contexts.ts";
import { secondTurn, sharedPrefix } from "./conversations.ts";
import { edit, tools } from "./known-answers.ts";
import { countFigures, streamFigures } from "./figures.ts";
import { sideBySide, streamsLabel, type BenchCase, type Scenario } from "./scenario.ts";

const shortPromptTokens = 32;

/** Parallel streams with answers of the same length. */
function atOnce(streams: number, maxTokens: number): BenchCase {
  return {
    label: streamsLabel(streams),
    contextTokens: shortPromptTokens + maxTokens + 1,
    play: async (input) => streamFigures(await sideBySide(input, streams, shortPromptTokens, maxTokens)),
  };
}

const concurrency: Scenario = {
  name: "concurrency",
  cases: ({ concurrency: levels, maxTokens }) => levels.map((streams) => atOnce(streams, maxTokens)),
};

const promptLengths = [128, 512, 1_000, 2_000];
const firstTokens = 2;

/** Time to the first token by the length of the prompt: one request at a time, with an empty cache. */
const promptLength: Scenario = {
  name: "prompt-length",
  cases: () =>
    promptLengths.map((tokens) => ({
      label: `${tokens} tokens`,
      contextTokens: tokens + firstTokens + 1,
      async play(input) {
        const answers = await sideBySide(input, 1, tokens, firstTokens);
        const [ttftMs = Number.NaN] = answers.map(ttftOf);
        return { ttftP50Ms: ttftMs, prefillTokensPerSecond: tokens / (ttftMs / 1_000), ...countFigures(answers) };
      },
    })),
};

const burstTokens = 128;
const burstAnswerTokens = 8;
const burstSizes = [4, 16];

/** Prompts that arrive at the same time. */
const bursts: Scenario = {
  name: "bursts",
  cases: () =>
    burstSizes.map((size) => ({
      label: `${size} prompts of ${burstTokens}`,
      contextTokens: burstTokens + burstAnswerTokens + 1,
      async play(input) {
        const answers = await sideBySide(input, size, burstTokens, burstAnswerTokens);
        const ttfts = answers.map(ttftOf);
        return { ttftP50Ms: percentile(ttfts, 0.5), ttftMaxMs: percentile(ttfts, 1), ...countFigures(answers) };
      },
    })),
};

export const scenarios: readonly Scenario[] = [
  ...[concurrency, promptLength, bursts, contexts, joining, secondTurn],
  ...[sharedPrefix, edit, tools],
];
