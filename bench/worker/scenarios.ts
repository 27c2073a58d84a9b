// Owns the list of scenarios, in the order in which they are played and shown, and the scenarios whose prompts share nothing.
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { deferred } from "@waggle/async";
import { gapsOf, mean, percentile, sum, times, ttftOf, type LoadAnswer } from "@waggle/testing/harness";
import { secondTurn, sharedPrefix, takingTurns } from "./conversations.ts";
import { edit, tools } from "./known-answers.ts";
import { neighbours } from "./neighbours.ts";
import { countFigures, streamFigures, type Figures } from "./figures.ts";
import { sideBySide, type BenchCase, type Scenario, type Turn } from "./scenario.ts";

const shortPromptTokens = 32;

/** Parallel streams with answers of the same length. */
function atOnce(streams: number, maxTokens: number): BenchCase {
  return {
    label: `${streams} ${streams === 1 ? "stream" : "streams"}`,
    contextTokens: shortPromptTokens + maxTokens + 1,
    play: async (turn) => streamFigures(await sideBySide(turn, streams, shortPromptTokens, maxTokens)),
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
      async play(turn) {
        const answers = await sideBySide(turn, 1, tokens, firstTokens);
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
      async play(turn) {
        const answers = await sideBySide(turn, size, burstTokens, burstAnswerTokens);
        const ttfts = answers.map(ttftOf);
        return { ttftP50Ms: percentile(ttfts, 0.5), ttftMaxMs: percentile(ttfts, 1), ...countFigures(answers) };
      },
    })),
};

const joiningMaxTokens = 8;
const runningStreams = 3;
/** Tokens of every running stream before the long prompt joins. */
const headTokens = 32;

/** A long prompt joins running streams. Measures the pauses of these streams, and the time to the long prompt's first token. */
const joining: Scenario = {
  name: "joining",
  cases: ({ joiningTokens }) => [
    {
      label: `${joiningTokens} tokens join`,
      contextTokens: joiningTokens + joiningMaxTokens + 1,
      play: (turn) => joinRunning(turn, joiningTokens),
    },
  ],
};

/** The running streams end after the long prompt's first token: streams that ended before would leave their time to the prompt. */
async function joinRunning({ prompts, seed, generate }: Turn, joiningTokens: number): Promise<Figures> {
  const end = new AbortController();
  const underWay = deferred<void>();
  let ready = 0;
  const running = times(runningStreams, (stream) => {
    const prompt = prompts.make(shortPromptTokens, seed(stream));
    return generate(
      { prompt, maxTokens: Math.max(joiningTokens - shortPromptTokens, 2 * headTokens) },
      {
        until: end.signal,
        onArrival: (count) => {
          if (count === headTokens && ++ready === runningStreams) underWay.resolve();
        },
      },
    );
  });
  await Promise.race([underWay.promise, running]);
  const prompt = prompts.make(joiningTokens, seed(runningStreams));
  const joined = await generate({ prompt, maxTokens: joiningMaxTokens });
  end.abort();
  const answers = await running;
  const before = answers.flatMap(({ arrivals }) => gapsOf(arrivals.filter((at) => at < joined.sentAt)));
  const longestMs = percentile(
    answers.flatMap((answer) => gapsDuring(answer, joined)),
    1,
  );
  return {
    ttftP50Ms: ttftOf(joined),
    itlP50Ms: percentile(before, 0.5),
    itlMaxMs: longestMs,
    // The mean and not the median: on a busy machine tokens arrive in bunches, so that most gaps are near zero.
    itlMaxSteps: longestMs / mean(before),
    ...countFigures([joined]),
    completionTokens: sum([...answers, joined].map(({ completionTokens }) => completionTokens)),
  };
}

/** Gaps between tokens of a running stream that overlap the time from the sending of the long prompt to the long prompt's first token. */
function gapsDuring({ arrivals }: LoadAnswer, joined: LoadAnswer): number[] {
  const first = joined.arrivals[0] ?? 0;
  const from = arrivals.findIndex((at) => at > joined.sentAt);
  const to = arrivals.findLastIndex((at) => at < first);
  return from < 0 ? [] : gapsOf(arrivals.slice(Math.max(0, from - 1), to + 2));
}

const busyLevels = [1, 8];

/** Streams while other processes use every core: one busy process per core. */
const busyCores: Scenario = {
  name: "busy-cores",
  cases: ({ maxTokens }) =>
    busyLevels
      .map((streams) => atOnce(streams, maxTokens))
      .map((calm) => ({ ...calm, label: `${calm.label}, cores busy`, disturb: keepCoresBusy })),
};

/** A busy process ends when its standard input closes, so that it does not outlive this process. */
const busyScript =
  "process.stdin.resume().on('close', () => process.exit()); setInterval(() => { for (const end = Date.now() + 50; Date.now() < end;); }, 0);";

function keepCoresBusy(): Disposable {
  const neighbours = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ["--eval", busyScript], { stdio: ["pipe", "ignore", "ignore"] }),
  );
  return {
    [Symbol.dispose]() {
      for (const neighbour of neighbours) neighbour.kill("SIGKILL");
    },
  };
}

export const scenarios: readonly Scenario[] = [
  ...[concurrency, promptLength, bursts, joining, secondTurn],
  ...[sharedPrefix, takingTurns, busyCores, neighbours, edit, tools],
];
