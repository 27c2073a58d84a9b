// Owns how a share of a whole reads.

/** @param share 0 to 1 */
export function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}
