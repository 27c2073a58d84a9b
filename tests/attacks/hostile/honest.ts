// Owns the honest clients, which request one long answer after another. Each answer is checked, and the gaps between its tokens are measured.
import { sleep } from "@waggle/async";
import { gapsOf, incompleteness, errorText, openStream, type AnswerTimes } from "@waggle/testing/harness";
import type { GenerateRequestInput } from "@waggle/protocol";

export interface Honest {
  readonly streams: number;
  /** Times between two token events of a stream. */
  readonly gapsMs: readonly number[];
  /** Times at which tokens arrived, by the clock of the day. */
  readonly tokensAt: readonly number[];
  readonly firstTokensMs: readonly number[];
  /** Times from sending a request to the headers of its answer. */
  readonly acceptedMs: readonly number[];
  /** Arrival times, for judging all answers together: a single answer may suffer from a pause of the machine. */
  readonly answers: readonly AnswerTimes[];
  /** Problems of all streams. */
  readonly failures: readonly string[];
  /** Resolves when all clients have stopped, after the signal has aborted. */
  readonly over: Promise<unknown>;
}

const request: GenerateRequestInput = { prompt: "Once upon a time", ignore_eos: true, max_tokens: 600 };
const silenceMs = 60_000;
/** Pause after a failed request. */
const retryMs = 250;
const failuresLimit = 50;

export function startHonest(url: string, tokens: readonly string[], signal: AbortSignal): Honest {
  const seen = {
    streams: 0,
    gapsMs: [] as number[],
    tokensAt: [] as number[],
    firstTokensMs: [] as number[],
    acceptedMs: [] as number[],
    answers: [] as AnswerTimes[],
    failures: [] as string[],
  };

  function complain(found: readonly string[]): void {
    seen.failures.push(...found.slice(0, failuresLimit - seen.failures.length));
  }

  async function client(token: string): Promise<void> {
    const headers = { authorization: `Bearer ${token}` };
    while (!signal.aborted) {
      try {
        const sent = { url: `${url}/v1/inference`, body: request, headers, silenceMs, signal };
        const sentAt = performance.now();
        const { over, judge } = await openStream(sent);
        const acceptedMs = performance.now() - sentAt;
        const { reason } = await over;
        const arrivals = judge.tokens.map(({ arrivalMs }) => arrivalMs);
        seen.gapsMs.push(...gapsOf(arrivals));
        seen.tokensAt.push(...arrivals.map((at) => performance.timeOrigin + sentAt + at));
        seen.firstTokensMs.push(...arrivals.slice(0, 1));
        seen.acceptedMs.push(acceptedMs);
        signal.throwIfAborted();
        complain(incompleteness(judge, reason));
        seen.streams += 1;
        seen.answers.push({ tokens: judge.tokens, queueMs: judge.queueMs });
      } catch (error) {
        if (signal.aborted) return;
        complain([errorText(error)]);
        await sleep(retryMs, { signal }).catch(() => {});
      }
    }
  }

  return Object.assign(seen, { over: Promise.all(tokens.map(client)) });
}
