// Measures what three chats with long contexts notice of a batch, in alternation with rounds without one, and the batch's lines per second meanwhile.
import { sleep } from "@waggle/async";
import { percentile } from "@waggle/testing/harness";
import { chat } from "../lib/chat.ts";
import { startStreams } from "../lib/gaps-during.ts";
import type { Server } from "../lib/servers.ts";
import type { PromptMaker } from "../worker/prompts.ts";
import { startBatch, type Line } from "./lines.ts";

export interface StreamRound {
  readonly gapP50: number;
  readonly gapP99: number;
  /** Of new chats, the median. */
  readonly firstToken: number;
  /** NaN without a batch. */
  readonly linesPerSecond: number;
}

export interface StreamOptions {
  readonly server: Server;
  readonly prompts: PromptMaker;
  readonly contextTokens: number;
  /** Of the gaps; half as long for the new chats. */
  readonly seconds: number;
}

/** Both sides wait this long after their streams have begun: until then a batch gets its first slots. */
const settleMs = 2_000;
const newChatTokens = 200;
const newChatEveryMs = 500;

/** @param lines undefined: without a batch @param seed of the new chats */
export async function playStreams(
  { server, prompts, contextTokens, seconds }: StreamOptions,
  lines: readonly Line[] | undefined,
  seed: number,
): Promise<StreamRound> {
  const { url } = server;
  const streams = await startStreams(url, (stream) => prompts.make(contextTokens, stream));
  const batch = lines && (await startBatch(server, lines));
  await sleep(settleMs);
  const from = performance.now();
  await sleep(seconds * 1_000);
  const gaps = streams.gaps({ from, to: performance.now() });
  const firstTokens: number[] = [];
  const chatsUntil = performance.now() + seconds * 500;
  while (performance.now() < chatsUntil) {
    const content = prompts.make(newChatTokens, seed + firstTokens.length);
    const { sentAt, arrivals } = await chat({ url, content, maxTokens: 1 });
    firstTokens.push((arrivals[0] ?? Number.NaN) - sentAt);
    await sleep(newChatEveryMs);
  }
  const linesPerSecond = (await batch?.rate()) ?? Number.NaN;
  await batch?.cancel();
  await streams.stop();
  const firstToken = percentile(firstTokens, 0.5);
  return { gapP50: percentile(gaps, 0.5), gapP99: percentile(gaps, 0.99), firstToken, linesPerSecond };
}
