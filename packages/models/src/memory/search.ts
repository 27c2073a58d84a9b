// Binary searches for the largest number, and the longest context, that fits.

/** llama.cpp pads contexts to a multiple of this many tokens. */
const contextStep = 256;

/**
 * Finds the largest integer of a range for which `holds` is true.
 * @param holds must be true for all numbers below the result, and false for all above
 * @returns undefined if `holds` is false for `from`
 */
export function largest(from: number, to: number, holds: (value: number) => boolean): number | undefined {
  if (!holds(from)) return undefined;
  let [low, high] = [from, to];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** @returns a multiple of 256 tokens, or `trained`; undefined if not even the shortest context fits */
export function longestContext(trained: number, fits: (contextSize: number) => boolean): number | undefined {
  const steps = Math.max(1, Math.ceil(trained / contextStep));
  const sizeOf = (step: number): number => Math.min(trained, step * contextStep);
  const longest = largest(1, steps, (step) => fits(sizeOf(step)));
  return longest === undefined ? undefined : sizeOf(longest);
}
