// Measures how fast a loaded model reads prompts and decodes, with real steps on the backend. `waggle tune` compares settings with it.
import type { Backend, BatchEntry, SlotSampling, TextGenerator, Token } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";

/** The prompt ends early after this time, so that a slow machine is done in bounded time. */
const mostPromptMs = 8_000;
/** Prompt of the other streams. */
const otherPromptTokens = 64;
const warmUpTokens = 32;
/** A short prompt is read several times. */
const promptReadings = 3;
const enoughPromptMs = 1_000;
const decodeSteps = 64;
/** After this time, few steps are enough. */
const enoughDecodeMs = 1_000;
const enoughDecodeSteps = 16;
/** Room for the tokens that a stream decodes alone and with others. */
const answerTokens = 2 * decodeSteps + 8;
/** Decoding ends early after this time. */
const mostDecodeMs = 5_000;
const fewestDecodeSteps = 3;

const sampling: SlotSampling = { ...SamplingSchema.parse({ temperature: 0 }), seed: 1 };
const text =
  "The bees of the old garden woke early. One of them had found a field of clover behind the hill, and 3 of her sisters wanted to see it. " +
  "“How far is it?” asked the youngest. She did not know; the wind had changed twice since then. So they flew out together, low over the river. ";

/** Speeds with one number of threads. */
export interface Speeds {
  readonly threads: number;
  /** Prompt tokens per second of one prompt. */
  readonly prompt: number;
  /** Tokens per second of one stream, after that prompt. */
  readonly one: number;
  /** Tokens per second of all slots together. */
  readonly all: number;
}

export interface MeasuredSpeeds {
  readonly speeds: readonly Speeds[];
  readonly slots: number;
  /** Length of the prompt that was read, which may be less than was wanted. */
  readonly promptTokens: number;
}

export interface SpeedsToMeasure {
  /** Numbers of threads, each measured after the other. */
  readonly threads: readonly number[];
  /** Wanted length of the prompt. A context that is too short, or a slow machine, makes it shorter. */
  readonly promptTokens: number;
}

interface Measuring {
  readonly generator: TextGenerator;
  readonly batchSize: number;
  readonly now: () => number;
}

interface Stream {
  readonly slot: number;
  readonly held: Token[];
  last: Token;
}

interface Reading {
  readonly stream: Stream;
  readonly ms: number;
}

/**
 * @param now milliseconds of a monotonic clock
 * @param onProgress called with the share of the work that is done
 * @throws Error if the model does not generate text, or its context is too short
 */
export async function measureSpeeds(
  backend: Backend,
  { threads, promptTokens: wanted }: SpeedsToMeasure,
  now: () => number,
  onProgress: (share: number) => void,
): Promise<MeasuredSpeeds> {
  const { generator, info } = backend;
  if (generator === undefined) throw new Error("The model does not generate text, so there is nothing to tune.");
  const { slots, batchSize, contextSize, contextPool } = info;
  const room = Math.min(contextSize, contextPool - (slots - 1) * (otherPromptTokens + answerTokens)) - answerTokens;
  if (room < warmUpTokens)
    throw new Error("The context is too short to measure: set --context-size or --context-pool.");
  const tokens = await promptOf(backend, Math.min(room, wanted));
  const measuring = { generator, batchSize, now };
  let promptTokens = tokens.length;
  const speeds: Speeds[] = [];
  // On a GPU the number of threads hardly matters.
  const counts = info.backend === "llama" && info.device !== "cpu" ? threads.slice(0, 1) : threads;
  for (const [index, count] of counts.entries()) {
    const report = (part: number): void => onProgress((index + part / 3) / counts.length);
    backend.setThreads(count);
    // The first step with a number of threads starts them.
    const warmUp = await readPrompt(measuring, await beginStream(generator, 0), tokens.slice(0, warmUpTokens));
    await generator.end(warmUp.stream.slot, 0);
    const first = await readAgain(measuring, tokens.slice(0, promptTokens));
    report(1);
    promptTokens = first.stream.held.length;
    const oneMs = await decodeMs(measuring, [first.stream]);
    report(2);
    const others: Stream[] = [];
    for (let slot = 1; slot < slots; slot++) {
      const part = tokens.slice(0, Math.min(otherPromptTokens, promptTokens));
      others.push((await readPrompt(measuring, await beginStream(generator, slot), part)).stream);
    }
    const streams = [first.stream, ...others];
    const allMs = slots === 1 ? oneMs : await decodeMs(measuring, streams);
    for (const { slot } of streams) await generator.end(slot, 0);
    report(3);
    const perSecond = (amount: number, ms: number): number => (1_000 * amount) / Math.max(ms, 1e-3);
    speeds.push({
      threads: count,
      prompt: perSecond(promptTokens, first.ms),
      one: perSecond(1, oneMs),
      all: perSecond(slots, allMs),
    });
  }
  return { speeds, slots, promptTokens };
}

async function promptOf(backend: Backend, length: number): Promise<readonly Token[]> {
  const piece = await backend.tokenizeText(text, false, false);
  return Array.from({ length }, (_, i) => piece[i % piece.length] ?? 0);
}

async function beginStream(generator: TextGenerator, slot: number): Promise<Stream> {
  const stream = { slot, held: [], last: 0 as Token };
  await generator.begin(slot, 0, sampling, heldOf(stream));
  return stream;
}

/** The generator reads the list as it grows. */
function heldOf({ held }: Stream) {
  return {
    entries: held,
    chunks: [],
    get nextPosition(): number {
      return held.length;
    },
  };
}

/** Reads the prompt in slot 0, several times if it is short. The least time counts, because other programs only make it longer. */
async function readAgain(measuring: Measuring, prompt: readonly Token[]): Promise<Reading> {
  const { generator } = measuring;
  let reading = await readPrompt(measuring, await beginStream(generator, 0), prompt);
  let leastMs = reading.ms;
  for (let count = 1; count < promptReadings && reading.ms < enoughPromptMs; count++) {
    await generator.end(0, 0);
    reading = await readPrompt(measuring, await beginStream(generator, 0), prompt);
    leastMs = Math.min(leastMs, reading.ms);
  }
  return { ...reading, ms: leastMs };
}

/** Reads the prompt in pieces of a batch. */
async function readPrompt(measuring: Measuring, stream: Stream, prompt: readonly Token[]): Promise<Reading> {
  const { batchSize, now } = measuring;
  const startedAt = now();
  let isOver = false;
  while (!isOver) {
    const from = stream.held.length;
    const tokens = prompt.slice(from, from + batchSize);
    isOver = from + tokens.length === prompt.length || now() - startedAt > mostPromptMs;
    // Without this piece's sample there would be no token to decode.
    await step(measuring, [stream], [{ slot: stream.slot, from, tokens, sample: isOver }]);
  }
  return { stream, ms: now() - startedAt };
}

/** @returns the first quartile of the steps, in milliseconds: other programs only make steps slower */
async function decodeMs(measuring: Measuring, streams: readonly Stream[]): Promise<number> {
  const { now } = measuring;
  const startedAt = now();
  const times: number[] = [];
  for (;;) {
    const stepAt = now();
    const passedMs = stepAt - startedAt;
    if (times.length === decodeSteps) break;
    if (times.length >= enoughDecodeSteps && passedMs > enoughDecodeMs) break;
    if (times.length >= fewestDecodeSteps && passedMs > mostDecodeMs) break;
    const entries = streams.map(({ slot, held, last }): BatchEntry => ({
      slot,
      from: held.length,
      tokens: [last],
      sample: true,
    }));
    await step(measuring, streams, entries);
    times.push(now() - stepAt);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 4)] ?? 0;
}

async function step(
  { generator }: Measuring,
  streams: readonly Stream[],
  entries: readonly BatchEntry[],
): Promise<void> {
  for (const [i, { tokens }] of entries.entries()) streams[i]?.held.push(...tokens);
  const results = await generator.step(entries);
  for (const [i, result] of results.entries()) {
    const stream = streams[i];
    if (result.kind === "failed") throw new Error(`Cannot compute a step: ${result.message}`);
    if (result.kind === "token" && stream !== undefined) stream.last = result.token;
  }
}
