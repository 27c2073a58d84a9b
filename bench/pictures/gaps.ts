// Measures what three streams of text notice while a picture is encoded and computed: the gaps between their tokens.
import { deferred, sleep } from "@waggle/async";
import { gapsOf, median, percentile, times } from "@waggle/testing/harness";
import { chat, picturePart, textPart } from "./chat.ts";
import type { Server } from "./servers.ts";

export interface GapFigures {
  /** Before the picture came: the median, and the worst gap. */
  readonly usualMs: number;
  readonly usualWorstMs: number;
  /** From the request with the picture to its first token. */
  readonly p99Ms: number;
  readonly worstMs: number;
  readonly firstTokenMs: number;
  /** The encoding, and the longest pass of embeddings; NaN where the server does not tell. */
  readonly encodeMs: number;
  readonly passMs: number;
}

const streams = 3;
const aloneMs = 5_000;
/** More than a stream writes while a picture is read. */
const streamTokens = 100_000;

export async function measureGaps(server: Server, png: Uint8Array): Promise<GapFigures> {
  const leaving = new AbortController();
  const arrivals: number[][] = Array.from({ length: streams }, () => []);
  const begun = Array.from({ length: streams }, () => deferred<void>());
  const running = times(streams, async (stream) => {
    for (let turn = 0; !leaving.signal.aborted; turn += 1) {
      const content = [textPart(`Tell me story ${turn} of bee ${stream}.`)];
      const limits = { maxTokens: streamTokens, signal: leaving.signal };
      await chat({ url: server.url, content, ...limits }, (at) => {
        arrivals[stream]?.push(at);
        begun[stream]?.resolve();
      });
    }
  }).catch((error: unknown) => {
    if (!leaving.signal.aborted) throw error;
  });
  await Promise.race([Promise.all(begun.map(({ promise }) => promise)), running]);
  const alone = performance.now();
  await sleep(aloneMs);
  const before = await picturesOf(server);
  const content = [textPart("Look at this: "), picturePart(png), textPart(" What is it?")];
  const answer = await chat({ url: server.url, content, maxTokens: 2 });
  const [firstAt = Number.NaN] = answer.arrivals;
  const after = await picturesOf(server);
  leaving.abort();
  await running;
  const gapsBetween = (from: number, to: number): number[] =>
    arrivals.flatMap((times) => {
      // Also the gap in which the span begins, and that in which it ends.
      const first = Math.max(
        0,
        times.findLastIndex((at) => at <= from),
      );
      const end = times.findIndex((at) => at >= to);
      return gapsOf(times.slice(first, end === -1 ? undefined : end + 1));
    });
  const usual = gapsBetween(alone, alone + aloneMs);
  const gaps = gapsBetween(answer.sentAt, firstAt);
  return {
    usualMs: median(usual),
    usualWorstMs: Math.max(...usual),
    p99Ms: percentile(gaps, 0.99),
    worstMs: Math.max(...gaps),
    firstTokenMs: firstAt - answer.sentAt,
    encodeMs: after.encodeMs - before.encodeMs,
    passMs: (after.passMs - before.passMs) / (after.passes - before.passes),
  };
}

async function picturesOf({ worker }: Server) {
  const metrics = await worker?.metrics();
  const sum = (name: string): number => metrics?.sum(name) ?? Number.NaN;
  return {
    encodeMs: 1_000 * sum("waggle_picture_encode_seconds_sum"),
    passMs: 1_000 * sum("waggle_picture_pass_seconds_sum"),
    passes: sum("waggle_picture_pass_seconds_count"),
  };
}
