// Frees the library's dropped samplers by garbage collections. Each sampler holds a `llama_token_data` (llama.h) for every token of the vocabulary,
// until V8 collects its JavaScript object. V8 sees only the few bytes of this object, so it sees no reason to collect garbage.

/** Size of a `llama_token_data`: id, logit and probability, 4 bytes each. */
const bytesPerToken = 12;
/** Garbage after which the young generation is collected. A collection takes half a millisecond. */
const youngLimitBytes = 4 * 2 ** 20;
/** Garbage after which all generations are collected: samplers that survive two collections are in the old generation. A collection takes 10 ms. */
const oldLimitBytes = 16 * 2 ** 20;

/** V8's `gc`, which exists with `--expose-gc`. */
export type CollectGarbage = (minor?: boolean) => unknown;

export interface SamplerGarbage {
  /** Counts a dropped sampler. */
  add(): void;
  /** Collects garbage if there is enough. Called while a pass computes, when this thread has no other work. */
  collect(): void;
}

/** @param collectGarbage undefined without `--expose-gc`: V8 then collects when it decides to */
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
