// Owns the scenarios with streams that hold contexts: the reading of long prompts and the speed afterwards, and a long prompt that joins.
import { deferred, sleep } from "@waggle/async";
import { gapsOf, mean, percentile, sum, ttftOf, type LoadAnswer } from "@waggle/testing/harness";
import { countFigures, type Figures } from "./figures.ts";
import { streamsLabel, type Scenario, type CaseInput } from "./scenario.ts";

/** More tokens than a stream generates before its case aborts it. */
const endlessTokens = 2_000;
/** From the last first token to the beginning of the window in which tokens are counted. */
const settleMs = 500;
const windowMs = 5_000;

/** Long prompts that arrive at the same time. Measures the time to read them all, and then the speed of the streams together. */
export const contexts: Scenario = {
  name: "contexts",
  cases: ({ contextStreams, contextTokens, slots }) =>
    contextStreams.flatMap((streams) =>
      contextTokens.map((tokens) => ({
        label: `${streamsLabel(streams)} of ${tokens}`,
        contextTokens: tokens + endlessTokens + 1,
        ...(streams > slots ? { skipped: `needs --slots ${streams}` } : {}),
        play: (input) => readAtOnce(input, streams, tokens),
      })),
    ),
};

async function readAtOnce(input: CaseInput, streams: number, promptTokens: number): Promise<Figures> {
  const end = new AbortController();
  const running = await underWay(input, { streams, promptTokens, maxTokens: endlessTokens, headTokens: 1 }, end.signal);
  await Promise.race([sleep(settleMs + windowMs, { ref: false }), ...running]);
  const endedAt = performance.now();
  end.abort();
  return contextFigures(await Promise.all(running), endedAt);
}

/** @param endedAt when the first stream ended: from then on they are fewer */
function contextFigures(answers: readonly LoadAnswer[], endedAt: number): Figures {
  const readAt = allReadAt(answers);
  const from = readAt + settleMs;
  const counted = answers.flatMap(({ arrivals }) => arrivals.filter((at) => at > from && at <= endedAt));
  const gaps = answers.flatMap(({ arrivals }) => gapsDuring(arrivals, 0, readAt));
  return {
    allReadMs: readAt - Math.min(...answers.map(({ sentAt }) => sentAt)),
    decodeTokensPerSecond: endedAt > from ? counted.length / ((endedAt - from) / 1_000) : Number.NaN,
    itlP50Ms: percentile(gaps, 0.5),
    itlMaxMs: percentile(gaps, 1),
    completionTokens: sum(answers.map(({ completionTokens }) => completionTokens)),
  };
}

const joiningMaxTokens = 8;
const runningStreams = 3;
/** Tokens of every running stream before the long prompt joins. */
const headTokens = 32;

/** A long prompt joins running streams. Measures the pauses of these streams, and the time to the long prompt's first token. */
export const joining: Scenario = {
  name: "joining",
  cases: ({ joiningTokens, heldTokens }) =>
    heldTokens.map((held) => {
      const maxTokens = Math.max(endlessTokens, joiningTokens);
      return {
        label: `${joiningTokens} tokens join streams of ${held}`,
        contextTokens: held + maxTokens + 1,
        play: (input) =>
          joinRunning(input, joiningTokens, { streams: runningStreams, promptTokens: held, maxTokens, headTokens }),
      };
    }),
};

/** The running streams end after the long prompt's first token: streams that ended before would leave their time to the prompt. */
async function joinRunning(input: CaseInput, joiningTokens: number, streams: Streams): Promise<Figures> {
  const end = new AbortController();
  const running = await underWay(input, streams, end.signal);
  const prompt = input.prompts.make(joiningTokens, input.seed(runningStreams));
  const joined = await input.generate({ prompt, maxTokens: joiningMaxTokens });
  end.abort();
  const answers = await Promise.all(running);
  // Before, a stream may pause while the others' prompts are read.
  const readAt = allReadAt(answers);
  const before = answers.flatMap(({ arrivals }) => gapsOf(arrivals.filter((at) => at >= readAt && at < joined.sentAt)));
  const longestMs = percentile(
    answers.flatMap(({ arrivals }) => gapsDuring(arrivals, joined.sentAt, joined.arrivals[0] ?? 0)),
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

interface Streams {
  readonly streams: number;
  readonly promptTokens: number;
  readonly maxTokens: number;
  /** Tokens of every stream when they are under way. */
  readonly headTokens: number;
}

/** Starts streams at the same time, which run until `end`, and resolves when they are under way or have all ended. */
async function underWay(
  { prompts, seed, generate }: CaseInput,
  { streams, promptTokens, maxTokens, headTokens: head }: Streams,
  end: AbortSignal,
): Promise<Promise<LoadAnswer>[]> {
  const all = deferred<void>();
  let ready = 0;
  const onArrival = (count: number): void => {
    if (count === head && ++ready === streams) all.resolve();
  };
  const running = Array.from({ length: streams }, (_, stream) =>
    generate({ prompt: prompts.make(promptTokens, seed(stream)), maxTokens }, { until: end, onArrival }),
  );
  await Promise.race([all.promise, Promise.all(running)]);
  return running;
}

function allReadAt(answers: readonly LoadAnswer[]): number {
  return Math.max(...answers.map(({ arrivals }) => arrivals[0] ?? Number.NaN));
}

/** Gaps between tokens that overlap the time from `start` to `end`. */
function gapsDuring(arrivals: readonly number[], start: number, end: number): number[] {
  const from = arrivals.findIndex((at) => at > start);
  const to = arrivals.findLastIndex((at) => at < end);
  return from < 0 ? [] : gapsOf(arrivals.slice(Math.max(0, from - 1), to + 2));
}
