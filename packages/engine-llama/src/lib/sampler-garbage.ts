// Owns that the library's dead samplers are freed. Each holds a `llama_token_data` (llama.h) for every token of the vocabulary, which goes
// when V8 collects the sampler's JavaScript half; V8 sees a few bytes there, and no reason to.

/** id, logit and probability of a token. */
const bytesPerToken = 12;
/** So much of what nobody uses may lie about before the young generation is collected, which takes half a millisecond. */
const youngLimitBytes = 4 * 2 ** 20;
/** A sampler that has lived through two collections is in the old generation. Collecting that takes 10 ms. */
const oldLimitBytes = 16 * 2 ** 20;

/** V8's own, as `--expose-gc` gives it. */
export type CollectGarbage = (minor?: boolean) => unknown;

export interface SamplerGarbage {
  /** A sampler has been dropped. */
  add(): void;
  /** Collects what is due; to be called while a pass computes, when nothing waits for this thread. */
  collect(): void;
}

/** @param collectGarbage undefined where V8 does not offer it: then they lie until V8 finds a reason */
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
