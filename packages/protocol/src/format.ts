// Formats numbers that people read in a terminal and on the pages: bytes, rates and progress. Pure.

const units = ["B", "kB", "MB", "GB", "TB"] as const;

/** Units in steps of 1,000, as disks and model hubs count; up to three digits: 1.2 GB, 45.6 MB, 789 B. */
export function formatBytes(bytes: number): string {
  // A value that would be rounded up to 1,000 gets the next unit.
  const power = bytes < 999.5 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes * 1.0005) / 3));
  const value = bytes / 1_000 ** power;
  return `${power === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? ""}`;
}

export function formatByteRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** Progress, rounded down so that 100 % appears only at the end. @param share 0 to 1 */
export function formatPercent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}
