// Owns how many prompt tokens a step may carry, from the times of real steps: running streams wait for a newcomer, and
// it for them. It knows no slot and no clock.
import { createRecentMedian, type RecentMedian } from "./recent-median.ts";
import type { StepStats } from "./messages.ts";

/** Usual steps by which a prompt may stretch a step; less than four in all, once a pass is half as long again. */
const stretchSteps = 1.6;
/** What a step may take while nobody decodes: so long waits a cancel, and a job that comes meanwhile. */
const idleStepMs = 400;
/** llama.cpp's flash attention takes so many prompt tokens at once (`ggml_fa_tile_config`, ggml-cpu). */
const tileTokens = 64;
/** What a token costs in a smaller chunk, in costs of one in a tile, until it was measured. */
const partPrice = 2;
/** llama.cpp computes a chunk's first token together with the decoding rows, and the others by themselves. */
const besideDecoding = 1;
const leastIdleTokens = 2 * tileTokens;
/** Behind a long context even two may take longer than allowed, but a prompt has to get on. */
const leastPartTokens = 2;
/** Until a prompt and a few steps have been measured. */
const firstTokens = 2 * tileTokens + besideDecoding;
const measuredPasses = 9;

export interface PrefillLoad {
  /** Slots that decode. */
  readonly decoding: number;
  /** Slots with a prompt to compute. */
  readonly prefilling: number;
}

export interface PrefillBudget {
  /** Most prompt tokens in the next step. */
  tokens(load: PrefillLoad): number;
  observe(pass: Pick<StepStats, "decodeRows" | "tokens" | "passMs">): void;
  /** What each of so many prompt tokens adds to a step, in milliseconds; undefined before a prompt was measured. */
  tokenMs(tokens: number): number | undefined;
}

/**
 * A step with prompt tokens takes less than four usual ones: whole tiles where they fit, else a part of one. When as many
 * jobs wait for their first token as decode it takes as long as if nobody did: the delay of the few counts less than that
 * of the many, and the sooner all decode together, the cheaper their tokens.
 * @param fixed given by hand: tokens in a step while somebody decodes; four times as many, and a tile at least, while nobody does
 */
export function createPrefillBudget(batchSize: number, fixed?: number): PrefillBudget {
  /** Of steps that only decode, by width. */
  const decodeMs = new Map<number, RecentMedian>();
  /** What a prompt token adds to a step, in chunks of a tile and more, and in smaller ones. Long contexts cost more. */
  const tiledMs = createRecentMedian(measuredPasses);
  const partMs = createRecentMedian(measuredPasses);
  const tokenMs = (tokens: number): number | undefined =>
    tokens < tileTokens ? (partMs.value ?? tiledMs.value) : (tiledMs.value ?? partMs.value);

  /** A lower bound where this width was never measured: a wider step takes longer, though less for each row. */
  function usualMs(width: number): number | undefined {
    const exact = decodeMs.get(width)?.value;
    if (exact !== undefined) return exact;
    const bounds = [...decodeMs].map(([known, ms]) => (ms.value ?? 0) * Math.min(1, width / known));
    return bounds.length === 0 ? undefined : Math.max(...bounds);
  }

  function whileDecoding({ decoding }: PrefillLoad): number {
    const [stepMs, wholeMs] = [usualMs(decoding), tokenMs(tileTokens)];
    if (stepMs === undefined || wholeMs === undefined) return firstTokens;
    const allowedMs = stretchSteps * stepMs;
    const tiles = wholeTiles(allowedMs / wholeMs - besideDecoding);
    if (tiles > 0) return tiles + besideDecoding;
    const part = Math.floor(allowedMs / (partMs.value ?? partPrice * wholeMs));
    return Math.min(tileTokens - 1, Math.max(leastPartTokens, part));
  }

  function whileIdle(): number {
    const ms = tokenMs(tileTokens);
    return ms === undefined ? batchSize : Math.max(leastIdleTokens, wholeTiles(idleStepMs / ms));
  }

  return {
    tokenMs,
    tokens(load) {
      if (fixed !== undefined) return load.decoding === 0 ? Math.max(tileTokens, 4 * fixed) : fixed;
      const crowded = load.prefilling >= load.decoding;
      return Math.min(batchSize, Math.max(crowded ? whileIdle() : 0, load.decoding === 0 ? 0 : whileDecoding(load)));
    },
    observe({ decodeRows, tokens, passMs }) {
      const promptTokens = tokens - decodeRows;
      if (promptTokens === 0) {
        const known = decodeMs.get(decodeRows) ?? createRecentMedian(measuredPasses);
        decodeMs.set(decodeRows, known);
        known.add(passMs);
        return;
      }
      const promptMs = passMs - (decodeRows === 0 ? 0 : (usualMs(decodeRows) ?? passMs));
      if (promptTokens < leastPartTokens || promptMs <= 0) return;
      (promptTokens < tileTokens ? partMs : tiledMs).add(promptMs / promptTokens);
    },
  };
}

function wholeTiles(tokens: number): number {
  return Math.floor(tokens / tileTokens) * tileTokens;
}
