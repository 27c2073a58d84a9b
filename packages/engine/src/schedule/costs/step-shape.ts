// Describes the work of a step: the matrices that llama.cpp computes for its entries, one after the other. Pure.
import type { TextGenerator } from "../../port/generator.ts";

/**
 * Pieces of prompts are made of whole tiles. llama.cpp's flash attention computes so many prompt tokens at once (`ggml_fa_tile_config`, ggml-cpu); fewer
 * tokens it computes one by one.
 */
export const tileTokens = 64;
/** llama.cpp always computes attention over at least this many tokens of context (`n_kv` is a multiple of it), so this part belongs to the rows. */
const leastContext = 256;
const thousand = 1_000;

export interface StepShape {
  /** For each matrix of decoding slots, its rows: a token and its drafts for each slot. */
  readonly decode: readonly number[];
  /** For each piece of a prompt, its tokens. */
  readonly prompt: readonly number[];
  /** Thousands of tokens of context, summed over the tokens of the step: of slots with fewer tokens than attention computes at once, and of the others. */
  readonly rowContext: number;
  readonly tileContext: number;
}

/**
 * Returns the part of the context that costs additional time, for these tokens of one slot.
 * @param context number of tokens before each of them, on average
 * @param attentionTile fewest tokens that attention computes at once
 */
export function contextOf(
  tokens: number,
  context: number,
  attentionTile: number,
): Pick<StepShape, "rowContext" | "tileContext"> {
  const work = (tokens * Math.max(0, context - leastContext)) / thousand;
  return tokens < attentionTile ? { rowContext: work, tileContext: 0 } : { rowContext: 0, tileContext: work };
}

/** What a step computes for a slot. */
export interface SlotWork {
  readonly slot: number;
  /** Number of tokens, or of a picture's cells, with drafts. */
  readonly tokens: number;
  /** Number of entries that the slot holds before. */
  readonly held: number;
  /** Whether the slot decodes. */
  readonly decodes: boolean;
}

/** Returns the matrices of this work. Decoding slots next to each other that count up by one are one matrix. */
export function shapeOf(
  works: readonly SlotWork[],
  { oneMatrix, attentionTile }: Pick<TextGenerator, "oneMatrix" | "attentionTile">,
): StepShape {
  const decode: number[] = [];
  const prompt: number[] = [];
  let [rowContext, tileContext] = [0, 0];
  let previous: SlotWork | undefined;
  for (const work of works) {
    const { slot, tokens } = work;
    const context = contextOf(tokens, work.held, attentionTile);
    rowContext += context.rowContext;
    tileContext += context.tileContext;
    const last = decode.length - 1;
    if (!work.decodes) prompt.push(tokens);
    else if (previous?.decodes === true && previous.slot + 1 === slot) decode[last] = (decode[last] ?? 0) + tokens;
    else decode.push(tokens);
    previous = work;
  }
  const shape = { decode, prompt, rowContext, tileContext };
  return oneMatrix ? inOneMatrix(shape) : shape;
}

/** Returns the shape of the same work where all entries are one matrix. */
export function inOneMatrix({ decode, prompt, ...context }: StepShape): StepShape {
  const rows = [...decode, ...prompt].reduce((sum, size) => sum + size, 0);
  if (rows === 0) return { decode: [], prompt: [], ...context };
  return prompt.length === 0 ? { decode: [rows], prompt: [], ...context } : { decode: [], prompt: [rows], ...context };
}
