// Owns how slow the machine is at the moment: shared ones run at a third of their speed for hours, and then a budget in milliseconds says nothing
// of what it bounds.

/** What the work below takes where nothing else runs: the least of 218 measurements on a shared core was 9.05 ms, half took more than 17, one 22. */
const usualMs = 9;
const rounds = 5;
/** A measurement takes some 50 ms, and a storm of requests sets hundreds of limits. */
const keptMs = 5_000;

let last: { readonly slowness: number; readonly until: number } | undefined;

/** How many times as long as usual this machine takes for the same work; 1 at least. */
function slowness(): number {
  const took = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  });
  return Math.max(1, Math.min(...took) / usualMs);
}

/** Objects, texts and numbers, as a server's thread has them. */
function work(): void {
  const rows = Array.from({ length: 2_000 }, (_, index) => ({
    index,
    name: `row ${index}`,
    parts: [index, index / 3],
  }));
  for (let turn = 0; turn < 4; turn += 1) JSON.parse(JSON.stringify(rows));
}

/** Whether something took longer than its budget, also on a machine as slow as this one is now. Measures only what is over the bare budget. */
export function isOver(tookMs: number, budgetMs: number): boolean {
  return tookMs > budgetMs && tookMs > budgetMs * slowness();
}

/** How long to wait at most where a machine at its full speed has this budget. */
export function scaled(budgetMs: number): number {
  const now = performance.now();
  if (last === undefined || now > last.until) last = { slowness: slowness(), until: now + keptMs };
  return budgetMs * last.slowness;
}
