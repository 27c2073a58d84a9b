// Owns the random numbers of one token: those that llama.cpp's samplers draw from the same seed, so that both choose alike.

export interface Draws {
  /** The next one of the generator that chooses a token, from 0 to below 1. */
  double(): number;
  /** The next one of the generator that switches XTC on, from 0 to below 1 in single precision. */
  float(): number;
}

/** Nobody draws more than twice: once freely, and once more where a grammar refused. A double takes two outputs. */
const outputs = 4;
/** An output is made of its own word of the state, the next one, and the one so many further. */
const distance = 397;
const [belowOne, floatBelowOne] = [1 - 2 ** -53, 1 - 2 ** -24];

/**
 * Two generators with this seed, each a `std::mt19937` (Matsumoto and Nishimura, "Mersenne Twister", 1998) behind libstdc++'s
 * `std::uniform_real_distribution`: for doubles with two of its outputs to a number, the lower half first, for floats with one.
 * @param seed of 32 bits
 */
export function createDraws(seed: number): Draws {
  let drawn: readonly number[] | undefined;
  let [doubles, floats] = [0, 0];
  function output(at: number): number {
    const value = (drawn ??= firstOutputs(seed))[at];
    if (value === undefined) throw new Error("Cannot draw more than twice for a token");
    return value;
  }
  return {
    double() {
      const at = 2 * doubles++;
      return Math.min((output(at) + output(at + 1) * 2 ** 32) / 2 ** 64, belowOne);
    },
    float: () => Math.min(Math.fround(output(floats++)) / 2 ** 32, floatBelowOne),
  };
}

/** Only those words of the state are kept that these outputs are made of. */
function firstOutputs(seed: number): readonly number[] {
  const near: number[] = [];
  const far: number[] = [];
  let word = seed | 0;
  for (let i = 0; i < distance + outputs; i++) {
    if (i > 0) word = (Math.imul(1_812_433_253, word ^ (word >>> 30)) + i) | 0;
    if (i <= outputs) near.push(word);
    if (i >= distance) far.push(word);
  }
  return far.map((further, at) => {
    const joined = ((near[at] ?? 0) & 0x8000_0000) | ((near[at + 1] ?? 0) & 0x7fff_ffff);
    return temper(further ^ (joined >>> 1) ^ (joined & 1 ? 0x9908_b0df : 0));
  });
}

function temper(word: number): number {
  let bits = word ^ (word >>> 11);
  bits ^= (bits << 7) & 0x9d2c_5680;
  bits ^= (bits << 15) & 0xefc6_0000;
  return (bits ^ (bits >>> 18)) >>> 0;
}
