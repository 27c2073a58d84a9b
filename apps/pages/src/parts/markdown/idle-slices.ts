// Owns work that can wait. It runs in slices between frames, in order of arrival, so that no task blocks the page.
const sliceMs = 8;
/** A page that is never idle runs a slice after this time. */
const idleTimeoutMs = 200;

const waiting = new Set<() => boolean>();
let asked = false;

/**
 * Repeats `step` until it returns false.
 * @returns a function that cancels the repetition
 */
export function inSlices(step: () => boolean): () => void {
  waiting.add(step);
  ask();
  return () => void waiting.delete(step);
}

function ask(): void {
  if (asked || waiting.size === 0) return;
  asked = true;
  // Safari has no idle callbacks.
  if ("requestIdleCallback" in globalThis) requestIdleCallback(run, { timeout: idleTimeoutMs });
  else setTimeout(run, 1);
}

function run(): void {
  asked = false;
  const end = performance.now() + sliceMs;
  for (const step of waiting) {
    while (waiting.has(step) && performance.now() < end) {
      if (!step()) waiting.delete(step);
    }
    if (performance.now() >= end) break;
  }
  ask();
}
