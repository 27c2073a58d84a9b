// Searches for the largest number that fits.

/** llama.cpp pads contexts to multiples of this. */
const contextStep = 256;

/** The largest whole number of a range for which `holds` is true, given that it is true for all smaller ones; undefined when it is true for none. */
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

/** In steps of 256 tokens, or the trained one; undefined where not even the shortest fits. */
export function longestContext(trained: number, fits: (contextSize: number) => boolean): number | undefined {
  const steps = Math.max(1, Math.ceil(trained / contextStep));
  const sizeOf = (step: number): number => Math.min(trained, step * contextStep);
  const longest = largest(1, steps, (step) => fits(sizeOf(step)));
  return longest === undefined ? undefined : sizeOf(longest);
}
