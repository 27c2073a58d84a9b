// Runs the sides of a benchmark in turn in every round, so that a disturbance affects all sides. Also computes the medians of the rounds.
import { compare, median, percentile } from "@waggle/testing/harness";

export interface Rounds<S, F> {
  readonly sides: readonly S[];
  readonly rounds: number;
  /** Rounds before the measured ones: they fill caches, and V8 compiles the hot code. */
  readonly warmUp?: number;
  /** @param round counted from 0, warm-up included */
  play(side: S, round: number): Promise<F>;
  /** Returns the line that stderr shows after a round. */
  readonly progress?: (side: S, round: string, figures: F) => string;
}

/** @returns the figures of each side in the measured rounds */
export async function alternate<S, F>(options: Rounds<S, F>): Promise<readonly (readonly F[])[]> {
  const { sides, rounds, warmUp = 0, play, progress } = options;
  const played = sides.map((): F[] => []);
  for (let round = 0; round < warmUp + rounds; round += 1) {
    // The first side changes every round, so that no side always runs on a CPU that the other has heated up.
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      const figures = await play(side, round);
      const name = round < warmUp ? "warm-up" : `round ${round - warmUp + 1} of ${rounds}`;
      if (progress !== undefined) process.stderr.write(`${progress(side, name, figures)}\n`);
      if (round >= warmUp) played[sides.indexOf(side)]?.push(figures);
    }
  }
  return played;
}

export function medianCell(values: readonly number[], digits: number, unit = ""): string {
  const [low, high] = [percentile(values, 0.25), percentile(values, 0.75)];
  return `${median(values).toFixed(digits)}${unit} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}

/** The median over the rounds of `own` divided by `first`. */
export function ratioOf(own: readonly number[], first: readonly number[]): number {
  return compare(own, first).ratio ?? Number.NaN;
}
