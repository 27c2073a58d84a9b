// Measures what three streams of text notice of other work: the gaps between their tokens before it and during it.
import { deferred, sleep } from "@waggle/async";
import { gapsOf, times } from "@waggle/testing/harness";
import { chat } from "./chat.ts";

/** When the work began and ended, in milliseconds of `performance.now()`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Gaps<T> {
  /** Gaps in the seconds before the work, in milliseconds. */
  readonly usual: readonly number[];
  /** Gaps during the work; also the gap in which it begins, and that in which it ends. */
  readonly during: readonly number[];
  readonly result: T;
}

const streams = 3;
const aloneMs = 5_000;
/** More than a stream writes during the work. */
const streamTokens = 100_000;

export async function gapsDuring<T extends Span>(url: string, work: () => Promise<T>): Promise<Gaps<T>> {
  const streams = await startStreams(url, (stream, turn) => `Tell me story ${turn} of bee ${stream}.`);
  const alone = performance.now();
  await sleep(aloneMs);
  const result = await work();
  await streams.stop();
  return { usual: streams.gaps({ from: alone, to: alone + aloneMs }), during: streams.gaps(result), result };
}

export interface RunningStreams {
  /** The gaps that overlap with the span. */
  gaps(span: Span): number[];
  stop(): Promise<void>;
}

/** Three streams, each of which begins again when it ends. Resolves when all have begun. @throws Error when the server refuses one */
export async function startStreams(
  url: string,
  promptOf: (stream: number, turn: number) => string,
): Promise<RunningStreams> {
  const leaving = new AbortController();
  const arrivals: number[][] = Array.from({ length: streams }, () => []);
  const begun = Array.from({ length: streams }, () => deferred<void>());
  const running = times(streams, async (stream) => {
    for (let turn = 0; !leaving.signal.aborted; turn += 1) {
      const content = promptOf(stream, turn);
      const seed = 1_000 * stream + turn;
      await chat({ url, content, maxTokens: streamTokens, seed, signal: leaving.signal }, (at) => {
        arrivals[stream]?.push(at);
        begun[stream]?.resolve();
      });
    }
  }).catch((error: unknown) => {
    if (!leaving.signal.aborted) throw error;
  });
  await Promise.race([Promise.all(begun.map(({ promise }) => promise)), running]);
  return {
    gaps: ({ from, to }) =>
      arrivals.flatMap((at) => {
        const first = Math.max(
          0,
          at.findLastIndex((time) => time <= from),
        );
        const end = at.findIndex((time) => time >= to);
        return gapsOf(at.slice(first, end === -1 ? undefined : end + 1));
      }),
    async stop() {
      leaving.abort();
      await running;
    },
  };
}
