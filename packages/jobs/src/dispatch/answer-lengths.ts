// Estimates how long answers become, from recent answers: some ended by themselves, and others were cut off by what their jobs asked for.

/** The estimate uses at most this many recent answers. */
const samplesKept = 16;
/** Nothing says how long an answer becomes beyond the longest one that was cut off: it ends at this length, or at twice that one's. */
const leastTail = 256;

export interface AnswerLengths {
  /** @param isCut the answer would have been longer */
  add(tokens: number, isCut: boolean): void;
  /**
   * How many tokens an answer still gets on average.
   * @param most the number that the job asks for @param has the tokens so far
   */
  expected(most: number | undefined, has: number): number;
  /** How many tokens it gets if it is as short as the shortest recent answer. */
  least(most: number | undefined, has: number): number;
}

/**
 * The share of answers that are longer than n tokens is the estimate of Kaplan and Meier, which an answer that was cut off enters as "at least so
 * long". Its sum from the tokens so far to the tokens asked for is the mean of the rest. So jobs that ask for more than those before, which used
 * all they asked for, count as longer; a limit that is never reached counts as the usual length.
 */
export function createAnswerLengths(): AnswerLengths {
  const samples: { readonly tokens: number; readonly isCut: boolean }[] = [];

  return {
    add(tokens, isCut) {
      samples.push({ tokens, isCut });
      if (samples.length > samplesKept) samples.shift();
    },
    expected(most = Infinity, has = 0) {
      // Of two equal lengths, the answer that was cut off is the longer one.
      const sorted = samples.toSorted((a, b) => a.tokens - b.tokens || Number(a.isCut) - Number(b.isCut));
      const end = Math.max(sorted.at(-1)?.isCut === false ? 0 : leastTail, 2 * has, 2 * (sorted.at(-1)?.tokens ?? 0));
      let [share, from, total] = [1, has, 0];
      const addUpTo = (tokens: number): void => {
        total += share * Math.max(0, Math.min(tokens, most) - from);
        from = Math.max(from, Math.min(tokens, most));
      };
      for (const [at, { tokens, isCut }] of sorted.entries()) {
        if (tokens <= has) continue;
        addUpTo(tokens);
        if (!isCut) share *= 1 - 1 / (sorted.length - at);
      }
      addUpTo(end);
      return total;
    },
    least(most = Infinity, has = 0) {
      const longer = samples.filter(({ tokens }) => tokens > has).map(({ tokens, isCut }) => (isCut ? most : tokens));
      return Math.max(0, Math.min(most, ...(longer.length > 0 ? longer : [has])) - has);
    },
  };
}
