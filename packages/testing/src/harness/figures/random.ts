// Owns the random numbers of tests, tools and benchmarks. A seed and a name always give the same sequence.

export interface Random {
  /** A number of at least 0 and less than 1. */
  next(): number;
  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number;
  /** A random element. @throws RangeError when the list is empty */
  pick<T>(values: readonly T[]): T;
}

const twoTo32 = 4_294_967_296;

/** The generator mulberry32: small, fast, and good enough for tests. @param name a purpose, with a separate sequence */
export function createRandom(seed: number, name = ""): Random {
  let state = [...name].reduce(
    (hash, char) => Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193),
    seed ^ 0x811c9dc5,
  );

  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / twoTo32;
  }

  return {
    next,
    between: (least, most) => least + Math.floor(next() * (most - least + 1)),
    pick(values) {
      if (values.length === 0) throw new RangeError("Cannot pick: the list is empty");
      return values[Math.floor(next() * values.length)] as (typeof values)[number];
    },
  };
}
