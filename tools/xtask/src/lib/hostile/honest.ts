// Owns the honest streams: one long answer after the other, each judged, and the gaps between their tokens as their client feels them.
import { sleep } from "@waggle/async";
import { gapsOf, incompleteness, isEnough, openStream, proveRealness, type AnswerTimes } from "@waggle/harness";
import type { GenerateRequestInput } from "@waggle/protocol";

export interface Honest {
  readonly streams: number;
  readonly tokens: number;
  /** Between two token events of one stream. */
  readonly gaps: GapCounts;
  readonly longestFirstTokenMs: number;
  /** What was wrong with any of them. */
  readonly failures: readonly string[];
  /** Resolves when all of them have ended, after the signal has aborted. */
  readonly over: Promise<unknown>;
}

export interface GapCounts {
  add(ms: number): void;
  /** Nearest rank, to a tenth of a millisecond. */
  percentile(share: number): number;
  readonly longestMs: number;
}

const request: GenerateRequestInput = { prompt: "Once upon a time", ignore_eos: true, max_tokens: 600 };
const silenceMs = 60_000;
/** After a refusal. */
const retryMs = 250;
const failuresLimit = 50;
const bucketsPerMs = 10;
const buckets = 600_000;

export function createGapCounts(): GapCounts {
  const counts = new Uint32Array(buckets);
  let total = 0;
  let longestMs = 0;
  return {
    add(ms) {
      const bucket = Math.min(buckets - 1, Math.max(0, Math.floor(ms * bucketsPerMs)));
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      total += 1;
      longestMs = Math.max(longestMs, ms);
    },
    percentile(share) {
      let left = Math.ceil(share * total);
      const bucket = counts.findIndex((count) => (left -= count) <= 0);
      return Math.max(0, bucket) / bucketsPerMs;
    },
    get longestMs() {
      return longestMs;
    },
  };
}

export function startHonest(url: string, tokens: readonly string[], signal: AbortSignal): Honest {
  const gaps = createGapCounts();
  const failures: string[] = [];
  const counted = { streams: 0, tokens: 0, longestFirstTokenMs: 0 };

  function complain(found: readonly string[]): void {
    failures.push(...found.slice(0, failuresLimit - failures.length));
  }

  async function once(token: string): Promise<AnswerTimes | undefined> {
    const headers = { authorization: `Bearer ${token}` };
    try {
      const { over, judge } = await openStream({
        url: `${url}/v1/inference`,
        body: request,
        headers,
        silenceMs,
        signal,
      });
      const { how, reason } = await over;
      const arrivals = judge.tokens.map(({ arrivalMs }) => arrivalMs);
      for (const gap of gapsOf(arrivals)) gaps.add(gap);
      counted.tokens += arrivals.length;
      counted.longestFirstTokenMs = Math.max(counted.longestFirstTokenMs, arrivals[0] ?? 0);
      if (signal.aborted) return undefined;
      complain([...judge.problems, ...incompleteness(judge, how === "complete" ? undefined : (reason ?? how))]);
      counted.streams += 1;
      return judge;
    } catch (error) {
      if (signal.aborted) return undefined;
      complain([error instanceof Error ? error.message : String(error)]);
      await sleep(retryMs, { signal }).catch(() => {});
      return undefined;
    }
  }

  /** A pause of the machine says nothing about one answer: they are judged together, as soon as they are enough. */
  async function client(token: string): Promise<void> {
    for (let answers: AnswerTimes[] = []; !signal.aborted;) {
      const answer = await once(token);
      if (answer !== undefined) answers.push(answer);
      if (!isEnough(answers)) continue;
      complain(proveRealness(answers).failures);
      answers = [];
    }
  }

  const over = Promise.all(tokens.map(client));
  return {
    gaps,
    failures,
    over,
    get streams() {
      return counted.streams;
    },
    get tokens() {
      return counted.tokens;
    },
    get longestFirstTokenMs() {
      return counted.longestFirstTokenMs;
    },
  };
}
