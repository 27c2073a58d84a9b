// Owns a line on a terminal that tells how far something is. Where there is no terminal, it says nothing.

export interface ProgressLine {
  /** @param share from 0 to 1 */
  show(share: number, detail: string): void;
  /** Takes the line away. */
  clear(): void;
}

const barWidth = 30;
/** A terminal that is written to for every step would be the slowest part of the work. */
const leastIntervalMs = 100;

export function createProgressLine(out: NodeJS.WriteStream): ProgressLine {
  let shownAt = -Infinity;
  let shown = false;
  return {
    show(share, detail) {
      if (!out.isTTY || performance.now() - shownAt < leastIntervalMs) return;
      shownAt = performance.now();
      shown = true;
      const full = Math.round(Math.min(1, share) * barWidth);
      out.write(`\r\u001B[K${"█".repeat(full)}${"░".repeat(barWidth - full)} ${(share * 100).toFixed(0)} %  ${detail}`);
    },
    clear() {
      if (shown) out.write("\r\u001B[K");
      shown = false;
    },
  };
}
