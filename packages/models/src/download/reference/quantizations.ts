// Owns the names of quantizations in tags and file names.

export const defaultQuantization = "Q4_K_M";

/** Longer names come before the names with which they begin. */
export const knownQuantizations: readonly string[] = (
  "Q1_0 Q2_0 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 MXFP4 MXFP4_MOE NVFP4 TQ1_0 TQ2_0 F16 BF16 F32 " +
  "IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ2_M IQ3_XXS IQ3_XS IQ3_S IQ3_M IQ4_NL IQ4_XS " +
  "Q2_K Q2_K_S Q3_K Q3_K_S Q3_K_M Q3_K_L Q4_K Q4_K_S Q4_K_M Q5_K Q5_K_S Q5_K_M Q6_K " +
  "Q2_K_XL Q3_K_XL Q4_K_XL Q5_K_XL Q6_K_XL Q7_K_XL Q8_K_XL"
)
  .split(" ")
  .sort((one, other) => other.length - one.length);

const known = new Set(knownQuantizations);

/** A known quantization in upper case, as the hub spells it. Other tags stay as they are. */
export function normalTag(tag: string): string {
  return known.has(tag.toUpperCase()) ? tag.toUpperCase() : tag;
}

/** Finds the last quantization in a file's name; Q4_K_M anywhere in the name has priority. */
export function quantizationIn(fileName: string): string | undefined {
  if (fileName.toUpperCase().includes(defaultQuantization)) return defaultQuantization;
  return fileName
    .toUpperCase()
    .split(/[-. ]/)
    .findLast((word) => known.has(word));
}
