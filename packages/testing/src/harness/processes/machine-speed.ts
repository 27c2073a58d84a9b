// Owns the measurement of the machine's present speed. Shared machines run at a third of their speed for hours, and other processes use the
// cores; time budgets of tests have to grow with both.

/** Duration of `work` on a free core. Of 218 measurements on a shared core the shortest was 9.05 ms, the median 17 and the longest 22. */
const usualMs = 9;
const rounds = 5;
/** How long a measurement is reused: it takes 50 ms and more, and a storm of requests sets hundreds of limits. */
const keptMs = 5_000;

let last: { readonly slowness: number; readonly until: number } | undefined;

/** Present duration of `work` divided by its usual duration; at least 1. */
function slowness(): number {
  const startedAt = performance.now();
  for (let round = 0; round < rounds; round += 1) work();
  return Math.max(1, (performance.now() - startedAt) / rounds / usualMs);
}

/** Serializes and parses objects, texts and numbers, as a server does. */
function work(): void {
  const rows = Array.from({ length: 2_000 }, (_, index) => ({
    index,
    name: `row ${index}`,
    parts: [index, index / 3],
  }));
  for (let turn = 0; turn < 4; turn += 1) JSON.parse(JSON.stringify(rows));
}

/** Whether `tookMs` exceeds the budget, scaled by the machine's present slowness. Measures the slowness only when the unscaled budget is exceeded. */
export function isOver(tookMs: number, budgetMs: number): boolean {
  return tookMs > budgetMs && tookMs > budgetMs * slowness();
}

/** Scales a time limit that is meant for a machine at full speed. */
export function scaled(budgetMs: number): number {
  const now = performance.now();
  if (last === undefined || now > last.until) last = { slowness: slowness(), until: now + keptMs };
  return budgetMs * last.slowness;
}
