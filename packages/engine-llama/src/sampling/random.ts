// Generates a token's random numbers: its seed, and what llama.cpp's samplers draw with it, so that our sampler agrees. Decision 080.

export interface Draws {
  /** Next number of the generator for choosing a token, in [0, 1). */
  double(): number;
  /** Next number of the generator for XTC, in [0, 1), single precision. */
  float(): number;
}

/** A token needs at most two draws, the second after a grammar has rejected the first token. A double takes two outputs. */
const outputs = 4;
/** Output i is computed from the words i, i + 1 and i + `distance` of the generator's state. */
const distance = 397;
const [belowOne, floatBelowOne] = [1 - 2 ** -53, 1 - 2 ** -24];

/**
 * Creates two generators with the same seed. Each is a `std::mt19937` (Matsumoto and Nishimura, "Mersenne Twister", 1998) with libstdc++'s
 * `std::uniform_real_distribution`: a double takes two outputs, the lower half first; a float takes one.
 * @param seed 32 bits
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

/** The generator's first outputs. Computes only the words of the state that these outputs need. */
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

/** llama.cpp replaces this seed by a random seed. */
const randomSeed = 0xffff_ffff;
/** Length of the hashed position: MurmurHash3 adds the input's length at its end. */
const positionBytes = 4;

/**
 * Seed of a token. It only depends on the job's seed and the token's position, so that it is the same in any batch and after a restart. It is the
 * MurmurHash3_x86_32 (Austin Appleby, public domain) of the position's four bytes, with the job's seed as the hash's seed. Apart from
 * 0xffffffff, which becomes 0, all positions of a job have different seeds. At the same position, jobs with different seeds also differ.
 * @param seed the job's seed, 32 bits
 * @param position number of tokens before the token in the sequence
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
