// Describes the work of a step: the matrices that llama.cpp computes for its entries, one after the other. Pure.
import type { BatchEntry } from "../port/backend.ts";

/** llama.cpp's flash attention computes this many prompt tokens at once (`ggml_fa_tile_config`, ggml-cpu); fewer tokens it computes one by one. */
export const tileTokens = 64;
/** llama.cpp always computes attention over at least this many tokens of context (`n_kv` is a multiple of it), so this part belongs to the rows. */
const leastContext = 256;
const thousand = 1_000;

export interface StepShape {
  /** For each matrix of decoding slots, its rows: a token and its guesses for each slot. */
  readonly decode: readonly number[];
  /** For each piece of a prompt, its tokens. */
  readonly prompt: readonly number[];
  /** Thousands of tokens of context, summed over the tokens of the step: of decoding slots and of pieces below a tile, and of longer pieces. */
  readonly rowContext: number;
  readonly tileContext: number;
}

/** Returns the part of the context that costs additional time: thousands of tokens, for this many tokens of a step. */
export function contextWork(tokens: number, context: number): number {
  return (tokens * Math.max(0, context - leastContext)) / thousand;
}

/**
 * Returns the matrices of these entries. Decode entries next to each other whose slots count up by one are one matrix.
 * @param oneMatrix whether all decode entries are one matrix, because all slots share one cache
 */
export function shapeOf(entries: readonly BatchEntry[], oneMatrix: boolean): StepShape {
  const decode: number[] = [];
  const prompt: number[] = [];
  let [rowContext, tileContext] = [0, 0];
  let previous: BatchEntry | undefined;
  for (const entry of entries) {
    const tokens = entry.tokens.length + (entry.guesses?.length ?? 0);
    const work = contextWork(tokens, entry.from);
    if (entry.kind === "prefill") {
      prompt.push(tokens);
      if (tokens < tileTokens) rowContext += work;
      else tileContext += work;
    } else {
      rowContext += work;
      const last = decode.length - 1;
      const joins = oneMatrix ? last >= 0 : previous?.kind === "decode" && previous.slot + 1 === entry.slot;
      if (joins) decode[last] = (decode[last] ?? 0) + tokens;
      else decode.push(tokens);
    }
    previous = entry;
  }
  return { decode, prompt, rowContext, tileContext };
}
