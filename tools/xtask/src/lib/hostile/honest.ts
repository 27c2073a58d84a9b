// Owns the honest streams: one long answer after the other, each judged, and the gaps between their tokens as their client feels them.
import { sleep } from "@waggle/async";
import { gapsOf, incompleteness, isEnough, messageOf, openStream, proveRealness } from "@waggle/harness";
import type { AnswerTimes } from "@waggle/harness";
import type { GenerateRequestInput } from "@waggle/protocol";

export interface Honest {
  readonly streams: number;
  /** Between two token events of one stream. */
  readonly gapsMs: readonly number[];
  readonly firstTokensMs: readonly number[];
  /** What was wrong with any of them. */
  readonly failures: readonly string[];
  /** Resolves when all of them have ended, after the signal has aborted. */
  readonly over: Promise<unknown>;
}

const request: GenerateRequestInput = { prompt: "Once upon a time", ignore_eos: true, max_tokens: 600 };
const silenceMs = 60_000;
/** After a refusal. */
const retryMs = 250;
const failuresLimit = 50;

export function startHonest(url: string, tokens: readonly string[], signal: AbortSignal): Honest {
  const seen = { streams: 0, gapsMs: [] as number[], firstTokensMs: [] as number[], failures: [] as string[] };

  function complain(found: readonly string[]): void {
    seen.failures.push(...found.slice(0, failuresLimit - seen.failures.length));
  }

  /** A pause of the machine says nothing about one answer: they are judged together, as soon as they are enough. */
  async function client(token: string): Promise<void> {
    const headers = { authorization: `Bearer ${token}` };
    for (let answers: AnswerTimes[] = []; !signal.aborted;) {
      try {
        const sent = { url: `${url}/v1/inference`, body: request, headers, silenceMs, signal };
        const { over, judge } = await openStream(sent);
        const { reason } = await over;
        const arrivals = judge.tokens.map(({ arrivalMs }) => arrivalMs);
        seen.gapsMs.push(...gapsOf(arrivals));
        seen.firstTokensMs.push(...arrivals.slice(0, 1));
        signal.throwIfAborted();
        complain(incompleteness(judge, reason));
        seen.streams += 1;
        answers.push(judge);
        if (!isEnough(answers)) continue;
        complain(proveRealness(answers).failures);
        answers = [];
      } catch (error) {
        if (signal.aborted) return;
        complain([messageOf(error)]);
        await sleep(retryMs, { signal }).catch(() => {});
      }
    }
  }

  return Object.assign(seen, { over: Promise.all(tokens.map(client)) });
}
