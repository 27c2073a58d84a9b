// The driver on the library's internal context object: fills, decodes and samples a batch without the library's queue and promises.
import type { SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import type { LlamaContextSequence } from "node-llama-cpp";
import type { DirectContext, DirectSampler, DirectSamplerConfig } from "./library-context.ts";
import { createSequences, type SequencesOptions } from "./direct-sequences.ts";
import { logprobsOf, type LogitsRequest, type PositionLogits } from "../sampling/logit-sampler.ts";
import type { Answer, Ask, Draw, BatchRow, Passes } from "./passes.ts";
import { rawLogits } from "./raw-logits.ts";
import { samplerConfig, type SamplingContext } from "../sampling/sampling.ts";

export interface DirectPassesOptions extends SequencesOptions {
  /** A sequence for each slot. */
  readonly sequences: readonly LlamaContextSequence[];
  readonly sampling: SamplingContext;
  /** Whether the library computes in the order in which it is called, because libuv's pool has one thread. */
  readonly inOrder: boolean;
}

/** Each slot has its samplers, because two rows may be sampled at the same time. */
interface SlotSamplers {
  /** Keeps the sequence alive: the library empties and reuses the cells of a garbage-collected sequence. */
  readonly sequence: LlamaContextSequence;
  readonly draw: DirectSampler;
  config: DirectSamplerConfig | undefined;
  /** Created when the slot first reads logits. */
  reader: DirectSampler | undefined;
  /** Sample position of the slot's last ask in the last pass. */
  position: number;
}

export function createDirectPasses(options: DirectPassesOptions): Passes {
  const { library, sampling, inOrder } = options;
  const { context } = library;
  const samplers = options.sequences.map((sequence): SlotSamplers => {
    return { sequence, draw: library.createSampler(), config: undefined, reader: undefined, position: -1 };
  });
  let threads = 1;
  let running: Promise<unknown> = Promise.resolve();

  function samplersOf(slot: number): SlotSamplers {
    const found = samplers[slot];
    if (found === undefined) throw new Error(`There is no slot ${slot}`);
    return found;
  }

  async function run(rows: readonly BatchRow[], underway: () => void): Promise<readonly (readonly Answer[])[]> {
    context.setThreads(threads);
    const positions = fillBatch(context, rows);
    rows.forEach(({ slot }, i) => (samplersOf(slot).position = positions[i]?.at(-1) ?? -1));
    const decoded = context.decodeBatch();
    // If sampling is requested together with the pass, sampling begins when the pass ends, without a turn of this thread in between.
    const answers = inOrder ? answerAll(rows, positions) : undefined;
    underway();
    await decoded;
    return await (answers ?? answerAll(rows, positions));
  }

  function answerAll(rows: readonly BatchRow[], positions: readonly Uint32Array[]): Promise<(readonly Answer[])[]> {
    const all = Promise.all(rows.map(async (row, i) => await answerRow(row, positions[i] ?? new Uint32Array())));
    // If the pass fails, its error is enough: do not report the errors of sampling as unhandled rejections.
    all.catch(() => {});
    return all;
  }

  async function answerRow({ slot, asks }: BatchRow, positions: Uint32Array): Promise<readonly Answer[]> {
    const [ask] = asks;
    const [position] = positions;
    if (ask === undefined || position === undefined) return [];
    if (asks.length === 1) return [await answerAsk(slot, ask, position)];
    // The asks of a row share a sampler, which can do one call at a time.
    const answers: Answer[] = [];
    for (const [i, each] of asks.entries()) answers.push(await answerAsk(slot, each, positions[i] ?? 0));
    return answers;
  }

  async function answerAsk(slot: number, ask: Ask, position: number): Promise<Answer> {
    try {
      if (ask.kind === "logits") return { kind: "logits", logits: await logitsAt(slot, position, ask.request) };
      return await sample(slot, position, ask.draw);
    } catch (error) {
      return { kind: "failed", message: (error as Error).message };
    }
  }

  async function sample(slot: number, position: number, { seed, recent, topLogprobs }: Draw): Promise<Answer> {
    const { draw, config } = samplersOf(slot);
    if (config === undefined) throw new Error(`Cannot sample in slot ${slot}: it has no sampling settings`);
    config.seed = seed;
    if (recent !== undefined) config.repeatPenaltyTokens = Uint32Array.from(recent);
    draw.applyConfig(config);
    const token = await context.sampleToken(position, draw);
    if (token === -1) return { kind: "token", token: undefined };
    if (topLogprobs === undefined) return { kind: "token", token };
    return { kind: "token", token, logprobs: await logprobsAt(slot, position, token, topLogprobs) };
  }

  async function logprobsAt(slot: number, position: number, token: Token, count: number): Promise<TokenLogprobs> {
    return logprobsOf(await logitsAt(slot, position, { tokens: [token], top: count, total: true }), token, count);
  }

  async function logitsAt(slot: number, position: number, request: LogitsRequest): Promise<PositionLogits> {
    const own = samplersOf(slot);
    own.reader ??= library.createSampler();
    return await rawLogits(context, own.reader, position, request);
  }

  return {
    driver: "direct",
    configure(slot: number, wanted: SlotSampling) {
      samplersOf(slot).config = samplerConfig(wanted, sampling);
    },
    run(rows, underway) {
      const pass = run(rows, underway);
      running = pass.catch(() => {});
      return pass;
    },
    readLogits: async (slot, request) => await logitsAt(slot, samplersOf(slot).position, request),
    setThreads(wanted) {
      threads = wanted;
    },
    ...createSequences(options),
    settled: async () => void (await running),
  };
}

/** @returns the sample positions of each row's asks */
export function fillBatch(context: DirectContext, rows: readonly BatchRow[]): Uint32Array[] {
  context.initBatch(rows.reduce((sum, { tokens }) => sum + tokens.length, 0));
  return rows.map(({ slot, from, tokens, asks }) =>
    context.addToBatch(
      slot,
      from,
      Uint32Array.from(tokens),
      Uint32Array.from(asks, ({ at }) => at),
    ),
  );
}
