// Owns the speed of the machine at the moment. Shared machines run at a third of their speed for hours, and other processes take their part of the
// cores; a budget in milliseconds has to grow with both.

/** Time of the work below on a free core. Of 218 measurements on a shared core the shortest was 9.05 ms, the median 17 and the longest 22. */
const usualMs = 9;
const rounds = 5;
/** A measurement takes 50 ms and more, and a storm of requests sets hundreds of limits. */
const keptMs = 5_000;

let last: { readonly slowness: number; readonly until: number } | undefined;

/** How many times as long as usual the same work takes now by the clock, at least 1. */
function slowness(): number {
  const startedAt = performance.now();
  for (let round = 0; round < rounds; round += 1) work();
  return Math.max(1, (performance.now() - startedAt) / rounds / usualMs);
}

/** Objects, texts and numbers, as on a server's thread. */
function work(): void {
  const rows = Array.from({ length: 2_000 }, (_, index) => ({
    index,
    name: `row ${index}`,
    parts: [index, index / 3],
  }));
  for (let turn = 0; turn < 4; turn += 1) JSON.parse(JSON.stringify(rows));
}

/** Whether `tookMs` by the clock is over the budget on a machine as slow as this one is now. Measures the machine only where the bare budget is exceeded. */
export function isOver(tookMs: number, budgetMs: number): boolean {
  return tookMs > budgetMs && tookMs > budgetMs * slowness();
}

/** The limit of a wait that has this budget on a machine at full speed. */
export function scaled(budgetMs: number): number {
  const now = performance.now();
  if (last === undefined || now > last.until) last = { slowness: slowness(), until: now + keptMs };
  return budgetMs * last.slowness;
}

/** Processor time of this process from now on, in ms. It does not grow while other processes hold the cores. */
export function processorStopwatch(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
}

/** Processor time of this process during `compute`, in ms. */
export function processorMs(compute: () => void): number {
  const elapsed = processorStopwatch();
  compute();
  return elapsed();
}
