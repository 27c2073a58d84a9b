// Chooses which of several model files to take on a machine, and says which are too slow.
import type { Fit } from "./largest-fit.ts";
import type { Machine } from "./machine.ts";
import type { FitRow } from "./report.ts";

/** Few people read faster than this; with a slower model they wait for each word. */
export const readingTokensPerSecond = 5;
/** A word has about 1.3 tokens: below this speed, a model writes less than a word a second. */
const wordTokensPerSecond = 1.3;
/** Share of the free memory for the weights. The rest is for contexts, and for other programs. */
const weightsShare = 0.75;
/** Larger quantizations are hardly better and slower; smaller ones answer visibly worse. */
const usualQuantization = "Q4_K_M";

export function mostWeights({ freeBytes, gpu }: Pick<Machine, "freeBytes" | "gpu">): number {
  return weightsShare * (freeBytes + (gpu?.freeBytes ?? 0));
}

/** Whether the model fits, but writes less than a word a second. */
export function isSlow(fit: Fit | undefined): boolean {
  return fit !== undefined && fit.verdict !== "none" && (fit.tokensPerSecond ?? Infinity) < wordTokensPerSecond;
}

/** The usual quantization or else the largest file that fits with its context, leaves room, and writes as fast as people read. */
export function rowToTake(rows: readonly FitRow[], machine: Machine): FitRow | undefined {
  const useful = rows.filter(
    ({ fit, fileBytes }) =>
      fit?.verdict === "fits" &&
      fileBytes <= mostWeights(machine) &&
      (fit.tokensPerSecond ?? Infinity) >= readingTokensPerSecond,
  );
  const usual = useful.filter(({ quantization }) => quantization === usualQuantization);
  return (usual.length > 0 ? usual : useful).toSorted((one, other) => other.fileBytes - one.fileBytes)[0];
}
