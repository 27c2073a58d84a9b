// Owns how many prompt tokens a step may carry, from the times of real steps: running streams wait for a newcomer, and
// it for them. It knows no slot and no clock.
import { createRecentMedian, type RecentMedian } from "./recent-median.ts";
import type { StepStats } from "./messages.ts";

/** Usual steps by which a prompt may stretch a step; four in all, once the rest of a prompt is rounded up. */
const stretchSteps = 2.4;
/** What a step may take while nobody decodes: so long waits a cancel, and a job that comes meanwhile. */
const idleStepMs = 400;
/**
 * llama.cpp's flash attention takes so many prompt tokens at once (`ggml_fa_tile_config`, ggml-cpu). A smaller chunk of
 * a long prompt costs twice as much for each token, which spares the streams less than it takes from everybody.
 */
const tileTokens = 64;
/** llama.cpp computes a chunk's first token together with the decoding rows, and the others by themselves. */
const besideDecoding = 1;
const leastIdleTokens = 2 * tileTokens;
/** Until a prompt and a few steps have been measured. */
const firstTokens = 2 * tileTokens + besideDecoding;
/** Prompts of fewer tokens say little of what one more costs. */
const leastMeasuredTokens = 12;
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
  /** What a prompt token adds to a step, in milliseconds; undefined before a prompt was measured. */
  readonly tokenMs: number | undefined;
}

/**
 * A step with prompt tokens takes four times a usual one at most where a tile of tokens allows it. When more jobs wait
 * for their first token than decode it takes as long as if nobody did: the delay of the few counts less than that of
 * the many, and the sooner all decode together, the cheaper their tokens.
 * @param fixed given by hand: tokens in a step while somebody decodes, four times as many while nobody does
 */
export function createPrefillBudget(batchSize: number, fixed?: number): PrefillBudget {
  /** Of steps that only decode, by width. */
  const decodeMs = new Map<number, RecentMedian>();
  const tokenMs = createRecentMedian(measuredPasses);

  /** A lower bound where this width was never measured: a wider step takes longer, though less for each row. */
  function usualMs(width: number): number | undefined {
    const exact = decodeMs.get(width)?.value;
    if (exact !== undefined) return exact;
    const bounds = [...decodeMs].map(([known, ms]) => (ms.value ?? 0) * Math.min(1, width / known));
    return bounds.length === 0 ? undefined : Math.max(...bounds);
  }

  function whileDecoding({ decoding }: PrefillLoad): number {
    const stepMs = usualMs(decoding);
    if (stepMs === undefined || tokenMs.value === undefined) return firstTokens;
    const allowedMs = stretchSteps * stepMs;
    return Math.max(tileTokens, wholeTiles(allowedMs / tokenMs.value - besideDecoding)) + besideDecoding;
  }

  function whileIdle(): number {
    return tokenMs.value === undefined ? batchSize : Math.max(leastIdleTokens, wholeTiles(idleStepMs / tokenMs.value));
  }

  return {
    get tokenMs() {
      return tokenMs.value;
    },
    tokens(load) {
      if (fixed !== undefined) return load.decoding === 0 ? 4 * fixed : fixed;
      const crowded = load.prefilling > load.decoding;
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
      if (promptTokens >= leastMeasuredTokens && promptMs > 0) tokenMs.add(promptMs / promptTokens);
    },
  };
}

function wholeTiles(tokens: number): number {
  return Math.floor(tokens / tileTokens) * tileTokens;
}
