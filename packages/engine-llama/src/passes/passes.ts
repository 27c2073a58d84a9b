// Owns passes: a forward pass over the batch rows of several slots, with its outputs; and the operations on a sequence between two passes.
import type { SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import { logprobNumbers, type Batch, type BatchDecoder, type Draws, type Sampler } from "./batch-decoder.ts";
import { createCheckpoints } from "./checkpoints.ts";
import type { Library } from "./library-context.ts";
import type { LogitsRequest, PositionLogits } from "../sampling/logit-sampler.ts";
import { samplerConfig, type SamplingContext } from "../sampling/sampling.ts";

/** Consecutive tokens of a slot. */
export interface BatchRow {
  readonly slot: number;
  /** Position of the row's first token in the sequence. */
  readonly from: number;
  /** At least one token. */
  readonly tokens: readonly Token[];
  /**
   * In ascending order of `at`. Draws are at consecutive tokens: each draw but the first has a token only if the draw before it sampled the row's token
   * at its place. A row has several draws only where `takesDrafts` is true.
   */
  readonly outputs: readonly OutputRequest[];
}

/** What a slot needs at a sample position. This is the position of the row's token with index `at`, whose logits predict the next token. */
export type OutputRequest = { readonly at: number } & (
  | { readonly kind: "draw"; readonly draw: Draw }
  /** Raw logits, before any sampler. */
  | { readonly kind: "logits"; readonly request: LogitsRequest }
  /** No result: `readLogits` may read the raw logits later. */
  | { readonly kind: "kept" }
);

/** Request for a token that the library samples, with the settings of the slot's sampler. */
export interface Draw {
  readonly seed: number;
  /** Tokens that the penalties count, oldest first; undefined without penalties, and where the sampler has counted them itself. */
  readonly recent: readonly Token[] | undefined;
  /** Number of alternatives with logprobs; undefined without logprobs. */
  readonly topLogprobs: number | undefined;
}

export type Output =
  /** `token` is undefined if no token was left to sample. */
  | { readonly kind: "token"; readonly token: Token | undefined; readonly logprobs?: TokenLogprobs | undefined }
  | { readonly kind: "logits"; readonly logits: PositionLogits }
  | { readonly kind: "kept" };

export interface Passes {
  /** Sets the library's sampler of a slot, for the next and later passes. Not called while a pass runs. */
  configure(slot: number, sampling: SlotSampling): void;

  /**
   * Computes the rows in a forward pass.
   * @param rows at most one for each slot
   * @param underway called once, when the pass computes on another thread and this thread is free
   * @returns for each row, the outputs that it requests
   * @throws the error of the pass
   */
  run(rows: readonly BatchRow[], underway: () => void): Promise<readonly (readonly Output[])[]>;

  /** Reads raw logits of the last pass. @param at index of a token in the slot's row with a requested output */
  readLogits(slot: number, at: number, request: LogitsRequest): Promise<PositionLogits>;

  /** Whether the decoder's samplers have the effects of all these settings. */
  canSample(sampling: SlotSampling): boolean;

  /** Whether a row may have several draws. */
  readonly takesDrafts: boolean;

  /** Sets the number of threads. Not called while a pass runs. */
  setThreads(threads: number): void;

  /**
   * Discards what is at the position `from` and behind it.
   * @param cells number of cells in front of `from`; more than `from` where pictures take fewer positions than cells
   * @returns the position after the last afterwards. With recurrent layers this can be less than `from`.
   */
  erase(slot: number, from: number, cells?: number): Promise<number>;
  /** Computes cells of a picture in a separate pass. Absent if the decoder cannot. */
  readonly feed?: (slot: number, embeddings: Float32Array, positions: Int32Array, causal: boolean) => Promise<void>;
  /** Discards the tokens at the positions `[from, to)`, the last of a slot, and keeps their memory for the next tokens. Only where `takesDrafts` is true. */
  drop(slot: number, from: number, to: number): void;
  /**
   * Saves the slot's state, so that the slot can later be cut back to its present tokens. Absent if slots can be cut anywhere.
   * @param tokens number of tokens in the slot
   */
  readonly checkpoint?: (slot: number, tokens: number) => Promise<void>;
  /** Replaces the slot `to` by the cells of the slot `from` up to a position. Absent if sequences cannot be copied. @param cells number of these cells */
  readonly copy?: (from: number, to: number, position: number, cells: number) => Promise<void>;
  /** Writes the slot's KV cache to a file. @returns bytes of the file */
  save(slot: number, path: string, tokens: readonly Token[]): Promise<number>;
  /** Replaces the slot's KV cache by a file's. @returns the file's tokens. @throws Error if the library rejects the file; the slot is then empty */
  load(slot: number, path: string): Promise<readonly Token[]>;
  /** Resolves when the pass that was requested last has ended. */
  settled(): Promise<void>;
}

type Sequences = Pick<Passes, "erase" | "drop" | "save" | "load" | "copy" | "checkpoint">;

export interface PassesOptions {
  readonly library: Library;
  readonly decoder: BatchDecoder;
  readonly slots: number;
  readonly sampling: SamplingContext;
  /** Maximum number of tokens of a sequence. */
  readonly contextSize: number;
  /** Whether the model has recurrent layers: its sequences then cannot be cut without checkpoints. */
  readonly isRecurrent: boolean;
}

interface SlotSampler {
  readonly sampler: Sampler;
  /** Index in the last batch of the first token of the slot's row. */
  start: number;
}

interface Drawn {
  readonly slot: number;
  readonly draw: Draw;
}

const nothing: Output = { kind: "token", token: undefined };

export function createPasses(options: PassesOptions): Passes {
  const { decoder, library, sampling } = options;
  const slots = Array.from({ length: options.slots }, (): SlotSampler => ({
    sampler: decoder.createSampler(),
    start: -1,
  }));
  let threads = 1;
  let running: Promise<unknown> = Promise.resolve();

  function slotAt(slot: number): SlotSampler {
    const found = slots[slot];
    if (found === undefined) throw new Error(`There is no slot ${slot}`);
    return found;
  }

  async function run(rows: readonly BatchRow[], underway: () => void): Promise<readonly (readonly Output[])[]> {
    library.context.setThreads(threads);
    const drawn: (Drawn & { readonly at: number })[] = [];
    let start = 0;
    for (const { slot, tokens, outputs } of rows) {
      slotAt(slot).start = start;
      for (const wanted of outputs)
        if (wanted.kind === "draw") drawn.push({ slot, draw: wanted.draw, at: start + wanted.at });
      start += tokens.length;
    }
    const step = decoder.decode(batchOf(rows), { at: Int32Array.from(drawn, ({ at }) => at), ...drawsOf(drawn) });
    underway();
    return await outputsOf(rows, readTokens(await step, drawn));
  }

  /** @param tokens outputs of the draws of the rows, in their order */
  async function outputsOf(rows: readonly BatchRow[], tokens: readonly Output[]): Promise<Output[][]> {
    const all: Output[][] = [];
    let next = 0;
    let start = 0;
    for (const { tokens: fed, outputs } of rows) {
      const own: Output[] = [];
      for (const wanted of outputs) {
        if (wanted.kind === "draw") own.push(tokens[next++] ?? nothing);
        else if (wanted.kind === "kept") own.push({ kind: "kept" });
        else own.push({ kind: "logits", logits: await decoder.logits(start + wanted.at, wanted.request) });
      }
      all.push(own);
      start += fed.length;
    }
    return all;
  }

  function drawsOf(drawn: readonly Drawn[]): Omit<Draws, "at"> {
    return {
      samplers: drawn.map(({ slot, draw: { recent } }) => {
        const { sampler } = slotAt(slot);
        if (recent !== undefined) sampler.setRecent(Uint32Array.from(recent));
        return sampler;
      }),
      seeds: Uint32Array.from(drawn, ({ draw }) => draw.seed),
      topCounts: Uint32Array.from(drawn, ({ draw }) => topCount(draw)),
    };
  }

  /** 0 without logprobs, else 1 + the number of alternatives. */
  function topCount({ topLogprobs }: Draw): number {
    return topLogprobs === undefined ? 0 : 1 + Math.min(topLogprobs, sampling.vocabularySize);
  }

  function readTokens(numbers: Float64Array, drawn: readonly Drawn[]): Output[] {
    let at = 0;
    return drawn.map(({ draw }) => {
      const [count, token = -1] = [topCount(draw), numbers[at]];
      const logprobs = token === -1 || count === 0 ? undefined : readLogprobs(numbers, at, count - 1);
      at += count === 0 ? 1 : logprobNumbers + 2 * (count - 1);
      return token === -1 ? nothing : { kind: "token", token, logprobs };
    });
  }

  async function feed(slot: number, embeddings: Float32Array, positions: Int32Array, causal: boolean): Promise<void> {
    library.context.setThreads(threads);
    await decoder.decodeEmbeddings?.(slot, embeddings, positions, causal);
  }

  function follow<T>(pass: Promise<T>): Promise<T> {
    running = pass.catch(() => {});
    return pass;
  }

  return {
    configure: (slot, wanted) => slotAt(slot).sampler.configure(samplerConfig(wanted, sampling)),
    run: (rows, underway) => follow(run(rows, underway)),
    readLogits: async (slot, at, request) => await decoder.logits(slotAt(slot).start + at, request),
    canSample: (wanted) => decoder.canSample(wanted),
    // A recurrent state cannot be cut back after a wrong draft.
    takesDrafts: decoder.takesDrafts && !options.isRecurrent,
    setThreads(wanted) {
      threads = wanted;
    },
    ...(decoder.decodeEmbeddings === undefined ? {} : { feed: (...piece) => follow(feed(...piece)) }),
    ...sequencesOf(options),
    settled: async () => void (await running),
  };
}

/** Cuts, saves and loads sequences between two passes, on the library's internal context object. */
function sequencesOf({ library, decoder: { cells }, contextSize, isRecurrent }: PassesOptions): Sequences {
  const { context } = library;
  const checkpoints = createCheckpoints(library);

  /** Gives the memory after the first `kept` cells back. Cells are used in order. */
  function release(slot: number, kept: number): void {
    cells?.release(slot, kept);
  }

  async function cut(slot: number, from: number): Promise<number> {
    // llama.cpp takes -1 for no end.
    if (from > 0 && context.removeTokenCellsFromSequence(slot, from, -1)) return from;
    const restored = from > 0 ? await checkpoints.restore(slot, from) : 0;
    if (restored === 0) context.disposeSequence(slot);
    return restored;
  }

  return {
    ...(isRecurrent ? { checkpoint: async (slot, tokens) => await checkpoints.take(slot, tokens) } : {}),
    async erase(slot, from, before = from) {
      const kept = await cut(slot, from);
      checkpoints.forget(slot, kept);
      // Behind a restored checkpoint, the number of cells is known only where each cell has a position.
      if (kept === from) release(slot, before);
      else if (before === from) release(slot, kept);
      return kept;
    },
    drop(slot, from, to) {
      if (!context.removeTokenCellsFromSequence(slot, from, to)) throw new Error(`Cannot cut slot ${slot} at ${from}`);
    },
    async save(slot, path, tokens) {
      return await context.saveSequenceStateToFile(path, slot, Uint32Array.from(tokens));
    },
    ...(cells === undefined || isRecurrent
      ? {}
      : {
          async copy(from, to, position, kept) {
            await cells.copy(from, to, position);
            release(to, kept);
          },
        }),
    async load(slot, path): Promise<readonly Token[]> {
      checkpoints.forget(slot, 0);
      try {
        const tokens = await context.loadSequenceStateFromFile(path, slot, contextSize);
        if (tokens.length <= contextSize) {
          // The slot may have held more tokens.
          release(slot, tokens.length);
          return [...tokens];
        }
      } catch (error) {
        context.disposeSequence(slot);
        throw error;
      }
      context.disposeSequence(slot);
      throw new Error("The snapshot has more tokens than a slot can hold");
    },
  };
}

function batchOf(rows: readonly BatchRow[]): Batch {
  const count = rows.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const [tokens, sequences, positions] = [new Int32Array(count), new Int32Array(count), new Int32Array(count)];
  const withLogits: number[] = [];
  let start = 0;
  for (const { slot, from, tokens: fed, outputs } of rows) {
    tokens.set(fed, start);
    sequences.fill(slot, start, start + fed.length);
    for (let i = 0; i < fed.length; i++) positions[start + i] = from + i;
    for (const { at } of outputs) withLogits.push(start + at);
    start += fed.length;
  }
  return { tokens, sequences, positions, outputs: Int32Array.from(withLogits) };
}

function readLogprobs(numbers: Float64Array, at: number, count: number): TokenLogprobs {
  const [logit = NaN, greatest = NaN, sum = NaN] = numbers.subarray(at + 1, at + logprobNumbers);
  const logprobOf = (raw: number): number => raw - greatest - Math.log(sum);
  const top = Array.from({ length: count }, (_, i) => {
    const start = at + logprobNumbers + 2 * i;
    return { token: numbers[start] ?? -1, logprob: logprobOf(numbers[start + 1] ?? NaN) };
  });
  return { logprob: logprobOf(logit), top };
}
