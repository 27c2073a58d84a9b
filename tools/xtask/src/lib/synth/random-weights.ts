// Owns the random numbers of a made-up model: the same seed gives the same weights on every machine.

/** Fills `target` with numbers of mean 0 and the given standard deviation, evenly spread. */
export type RandomWeights = (target: Float32Array, deviation: number) => void;

/** Marsaglia's xorshift with 32 bits of state: good enough to compute with, and it costs a nanosecond. */
export function createRandomWeights(seed: number): RandomWeights {
  // A state of 0 would stay 0.
  let state = (seed ^ 0x9e37_79b9) | 0 || 1;
  return (target, deviation) => {
    // An even spread from -a to a deviates by a/√3.
    const scale = (deviation * Math.sqrt(3)) / 0x8000_0000;
    for (let i = 0; i < target.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      target[i] = state * scale;
    }
  };
}
