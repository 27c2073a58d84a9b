// Draws the random numbers of one token: its seed, and the numbers that llama.cpp's samplers draw from that seed, so that
// both choose the same token.

export interface Draws {
  /** The next number of the generator that chooses a token, from 0 to below 1. */
  double(): number;
  /** The next number of the generator that switches XTC on, from 0 to below 1 in single precision. */
  float(): number;
}

/** A token needs two draws at most: one, and one more where a grammar refused. A double takes two outputs. */
const outputs = 4;
/** An output is computed from its word of the state, the next one, and the one so many further. */
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

/** Keeps only the words of the state that these outputs need. */
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

/** llama.cpp reads this seed as "draw a random one". */
const randomSeed = 0xffff_ffff;
/** MurmurHash3 ends with the length of its input. */
const positionBytes = 4;

/**
 * The seed of a token depends on its job's seed and its position only, so it is the same in any batch and after a restart.
 * MurmurHash3_x86_32 (Austin Appleby, public domain) of the position's four bytes, with the job's seed as the hash's. For one seed no two
 * positions share a value, and for one position no two seeds, but that 0xffffffff becomes 0.
 * @param seed of 32 bits
 * @param position how many tokens of the sequence come before the token
 * @returns 32 bits, never 0xffffffff
 */
export function tokenSeed(seed: number, position: number): number {
  let key = Math.imul(position, 0xcc9e_2d51);
  key = Math.imul((key << 15) | (key >>> 17), 0x1b87_3593);
  let hash = seed ^ key;
  hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe654_6b64;
  hash ^= positionBytes;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  const mixed = (hash ^ (hash >>> 16)) >>> 0;
  return mixed === randomSeed ? 0 : mixed;
}
