// Owns the case of a long prompt that joins running streams: what it does to them, and what it waits for itself.
import { deferred } from "@waggle/async";
import { countFigures, gapsOf, ttftOf } from "../figures.ts";
import { mean, percentile } from "../statistics.ts";
import type { Answer } from "../load-client.ts";
import type { Scenario, Stage } from "../scenario.ts";

const runningStreams = 3;
const runningPromptTokens = 32;
const joiningPromptTokens = 2_000;
const joiningMaxTokens = 8;
/** Tokens of every running stream before the prompt joins, and about as many after it has been computed. */
const headTokens = 32;
const runningMaxTokens = 256;

export const joining: Scenario = {
  name: "joining",
  about: `${runningStreams} streams run when a prompt of ${joiningPromptTokens} tokens joins: their longest gap, its first token`,
  cases: () => [
    {
      label: `${joiningPromptTokens} tokens join`,
      contextTokens: joiningPromptTokens + joiningMaxTokens + 1,
      play,
    },
  ],
};

async function play(stage: Stage): Promise<ReturnType<typeof countFigures>> {
  const underWay = deferred<void>();
  let ready = 0;
  const running = Promise.all(
    Array.from({ length: runningStreams }, (_, stream) =>
      stage.generate(
        { prompt: stage.prompts.make(runningPromptTokens, stage.seed(stream)), maxTokens: runningMaxTokens },
        (count) => {
          if (count === headTokens && ++ready === runningStreams) underWay.resolve();
        },
      ),
    ),
  );
  await Promise.race([underWay.promise, running]);
  const joined = await stage.generate({
    prompt: stage.prompts.make(joiningPromptTokens, stage.seed(runningStreams)),
    maxTokens: joiningMaxTokens,
  });
  const answers = await running;
  const gaps = answers.flatMap((answer) => gapsDuring(answer, joined));
  const before = answers.flatMap((answer) => gapsBefore(answer, joined));
  // Not the median: on a busy machine tokens arrive in bunches, with nothing between most of them.
  const usualMs = mean(before);
  const longestMs = percentile(gaps, 1);
  return {
    ttftP50Ms: ttftOf(joined),
    itlP50Ms: percentile(before, 0.5),
    itlMaxMs: longestMs,
    itlMaxSteps: longestMs / usualMs,
    ...countFigures([...answers, joined]),
  };
}

/** Gaps that end after the prompt was sent and begin before its first token arrived. */
function gapsDuring({ arrivals }: Answer, joined: Answer): number[] {
  const first = joined.arrivals[0] ?? 0;
  const from = arrivals.findIndex((at) => at > joined.sentAt);
  const to = arrivals.findLastIndex((at) => at < first);
  return from < 0 ? [] : gapsOf({ arrivals: arrivals.slice(Math.max(0, from - 1), to + 2) });
}

function gapsBefore({ arrivals }: Answer, joined: Answer): number[] {
  return gapsOf({ arrivals: arrivals.filter((at) => at < joined.sentAt) });
}
