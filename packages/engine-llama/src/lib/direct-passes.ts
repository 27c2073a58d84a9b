// Owns passes on the library's context object itself: a batch is filled, decoded and sampled from without a queue or a detour in between.
import type { SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import type { LlamaContextSequence } from "node-llama-cpp";
import type { DirectContext, DirectLibrary, DirectSampler, DirectSamplerConfig } from "./library-context.ts";
import { createSequences } from "./direct-sequences.ts";
import { logprobsOf, type LogitsRequest, type PlaceLogits } from "./logit-sampler.ts";
import type { Answer, Ask, Draw, PassRow, Passes } from "./passes.ts";
import { rawLogits } from "./raw-logits.ts";
import { samplerConfig, type SamplingContext } from "./sampling.ts";

export interface DirectPassesOptions {
  readonly library: DirectLibrary;
  /** One for each slot. */
  readonly sequences: readonly LlamaContextSequence[];
  /** Tokens that a sequence may hold, as the library counts them. */
  readonly contextSize: number;
  /** The memory of a sequence cannot be cut. */
  readonly isRecurrent: boolean;
  readonly sampling: SamplingContext;
  /** What computes runs one after the other, in the order in which it was asked for: libuv has one thread. */
  readonly inOrder: boolean;
}

/** Each slot has samplers of its own for good: what two rows sample at once must not meet. */
interface SlotSamplers {
  /** Held: the library empties the cells of a sequence that has been collected as garbage, and gives them away. */
  readonly sequence: LlamaContextSequence;
  readonly draw: DirectSampler;
  config: DirectSamplerConfig | undefined;
  /** Made when a slot first looks at logits. */
  look: DirectSampler | undefined;
  /** Where the last pass put the logits that it was asked for last. */
  place: number;
}

export function createDirectPasses(options: DirectPassesOptions): Passes {
  const { library, sampling, inOrder } = options;
  const { context } = library;
  const samplers = options.sequences.map((sequence): SlotSamplers => {
    return { sequence, draw: library.createSampler(), config: undefined, look: undefined, place: -1 };
  });
  let threads = 1;
  let running: Promise<unknown> = Promise.resolve();

  function samplersOf(slot: number): SlotSamplers {
    const found = samplers[slot];
    if (found === undefined) throw new Error(`There is no slot ${slot}`);
    return found;
  }

  async function run(rows: readonly PassRow[], underway: () => void): Promise<readonly (readonly Answer[])[]> {
    context.setThreads(threads);
    const places = fillBatch(context, rows);
    rows.forEach(({ slot }, i) => (samplersOf(slot).place = places[i]?.at(-1) ?? -1));
    const decoded = context.decodeBatch();
    // Asked for at once, the sampling begins the moment the pass has ended: nobody has to wake up in between.
    const answers = inOrder ? answerAll(rows, places) : undefined;
    underway();
    await decoded;
    return await (answers ?? answerAll(rows, places));
  }

  function answerAll(rows: readonly PassRow[], places: readonly Uint32Array[]): Promise<(readonly Answer[])[]> {
    const all = Promise.all(rows.map(async (row, i) => await answerRow(row, places[i] ?? new Uint32Array())));
    // Where the pass fails, that is what is told.
    all.catch(() => {});
    return all;
  }

  async function answerRow({ slot, asks }: PassRow, places: Uint32Array): Promise<readonly Answer[]> {
    const [ask] = asks;
    const [place] = places;
    if (ask === undefined || place === undefined) return [];
    if (asks.length === 1) return [await answerAsk(slot, ask, place)];
    // They share a sampler, which can do one thing at a time.
    const answers: Answer[] = [];
    for (const [i, each] of asks.entries()) answers.push(await answerAsk(slot, each, places[i] ?? 0));
    return answers;
  }

  async function answerAsk(slot: number, ask: Ask, place: number): Promise<Answer> {
    try {
      if (ask.kind === "logits") return { kind: "logits", place: await lookAt(slot, place, ask.request) };
      return await sample(slot, place, ask.draw);
    } catch (error) {
      return { kind: "failed", message: (error as Error).message };
    }
  }

  async function sample(slot: number, place: number, { seed, recent, topLogprobs }: Draw): Promise<Answer> {
    const { draw, config } = samplersOf(slot);
    if (config === undefined) throw new Error(`Cannot sample in slot ${slot}: nobody has said how`);
    config.seed = seed;
    if (recent !== undefined) config.repeatPenaltyTokens = Uint32Array.from(recent);
    draw.applyConfig(config);
    const token = await context.sampleToken(place, draw);
    if (token === -1) return { kind: "token", token: undefined };
    if (topLogprobs === undefined) return { kind: "token", token };
    return { kind: "token", token, logprobs: await logprobsAt(slot, place, token, topLogprobs) };
  }

  async function logprobsAt(slot: number, place: number, token: Token, count: number): Promise<TokenLogprobs> {
    return logprobsOf(await lookAt(slot, place, { tokens: [token], top: count, total: true }), token, count);
  }

  async function lookAt(slot: number, place: number, request: LogitsRequest): Promise<PlaceLogits> {
    const own = samplersOf(slot);
    own.look ??= library.createSampler();
    return await rawLogits(context, own.look, place, request);
  }

  return {
    way: "direct",
    configure(slot: number, wanted: SlotSampling) {
      samplersOf(slot).config = samplerConfig(wanted, sampling);
    },
    run(rows, underway) {
      const pass = run(rows, underway);
      running = pass.catch(() => {});
      return pass;
    },
    look: async (slot, request) => await lookAt(slot, samplersOf(slot).place, request),
    setThreads(wanted) {
      threads = wanted;
    },
    ...createSequences(options),
    settled: async () => void (await running),
  };
}

/** @returns for each row where its logits will be found */
export function fillBatch(context: DirectContext, rows: readonly PassRow[]): Uint32Array[] {
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
