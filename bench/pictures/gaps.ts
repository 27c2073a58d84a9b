// Measures what three streams of text notice while a picture is encoded and computed: the gaps between their tokens.
import { median, percentile } from "@waggle/testing/harness";
import { chat, picturePart, textPart } from "../lib/chat.ts";
import { gapsDuring } from "../lib/gaps-during.ts";
import type { Server } from "../lib/servers.ts";

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

export async function measureGaps(server: Server, png: Uint8Array): Promise<GapFigures> {
  const { usual, during, result } = await gapsDuring(server.url, async () => {
    const before = await picturesOf(server);
    const content = [textPart("Look at this: "), picturePart(png), textPart(" What is it?")];
    const { sentAt, arrivals } = await chat({ url: server.url, content, maxTokens: 2 });
    return { before, from: sentAt, to: arrivals[0] ?? Number.NaN, after: await picturesOf(server) };
  });
  const { before, after, from, to } = result;
  return {
    usualMs: median(usual),
    usualWorstMs: Math.max(...usual),
    p99Ms: percentile(during, 0.99),
    worstMs: Math.max(...during),
    firstTokenMs: to - from,
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
