// Owns the mathematics of decisions: from logprobs of options to probabilities, and from probabilities to scores and confidence.

/** The softmax of the logprobs divided by the temperature. Equal if all logprobs are -Infinity. */
export function softmax(logprobs: readonly number[], temperature: number): readonly number[] {
  const most = Math.max(...logprobs);
  if (most === -Infinity) return logprobs.map(() => 1 / logprobs.length);
  const weights = logprobs.map((logprob) => Math.exp((logprob - most) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** The probability of all options together, without a temperature. Rounding must not lift it above 1. */
export function massOf(logprobs: readonly number[]): number {
  return Math.min(
    1,
    logprobs.reduce((sum, logprob) => sum + Math.exp(logprob), 0),
  );
}

export function meanOf(rows: readonly (readonly number[])[]): readonly number[] {
  return (rows[0] ?? []).map((_, at) => rows.reduce((sum, row) => sum + (row[at] ?? 0), 0) / rows.length);
}

/** Index of the most probable option; of equal ones, the first. */
export function bestOf(probabilities: readonly number[]): number {
  return probabilities.indexOf(Math.max(...probabilities));
}

/** The expected index. */
export function expectation(probabilities: readonly number[]): number {
  return probabilities.reduce((sum, probability, index) => sum + probability * index, 0);
}

/** How far the best option is above an even distribution (TypeSafe's system-one-adapter, confidence_metrics.py). */
export function choiceConfidence(probabilities: readonly number[]): number {
  const { length: n } = probabilities;
  return n < 2 ? 1 : Math.max(0, (n * Math.max(...probabilities) - 1) / (n - 1));
}

/** How near the levels are to the most probable one, against an even distribution around the middle (same source). */
export function scoreConfidence(probabilities: readonly number[]): number {
  const { length: n } = probabilities;
  if (n < 2) return 1;
  const mode = bestOf(probabilities);
  const distance = probabilities.reduce((sum, probability, index) => sum + probability * Math.abs(index - mode), 0);
  const even = probabilities.reduce((sum, _, index) => sum + Math.abs(index - (n - 1) / 2) / n, 0);
  return Math.max(0, 1 - distance / even);
}
