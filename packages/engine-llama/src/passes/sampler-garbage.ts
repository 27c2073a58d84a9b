// Owns freeing the library's dropped samplers. Each holds a `llama_token_data` (llama.h) for every token of the vocabulary, which is freed when V8
// collects the sampler's JavaScript object; V8 sees a few bytes there, and no reason to collect it.

/** id, logit and probability of a token. */
const bytesPerToken = 12;
/** Garbage after which the young generation is collected, which takes half a millisecond. */
const youngLimitBytes = 4 * 2 ** 20;
/** A sampler that survives two collections is in the old generation. Collecting that takes 10 ms. */
const oldLimitBytes = 16 * 2 ** 20;

/** V8's `gc`, with `--expose-gc`. */
export type CollectGarbage = (minor?: boolean) => unknown;

export interface SamplerGarbage {
  /** A sampler has been dropped. */
  add(): void;
  /** Collects garbage if due; called while a pass computes, when no work waits for this thread. */
  collect(): void;
}

/** @param collectGarbage undefined without `--expose-gc`: then V8 collects in its own time */
export function createSamplerGarbage(
  vocabularySize: number,
  collectGarbage: CollectGarbage | undefined,
): SamplerGarbage {
  const samplerBytes = bytesPerToken * vocabularySize;
  let youngBytes = 0;
  let oldBytes = 0;
  return {
    add() {
      youngBytes += samplerBytes;
      oldBytes += samplerBytes;
    },
    collect() {
      if (oldBytes >= oldLimitBytes) {
        collectGarbage?.();
        youngBytes = oldBytes = 0;
      } else if (youngBytes >= youngLimitBytes) {
        collectGarbage?.(true);
        youngBytes = 0;
      }
    },
  };
}
