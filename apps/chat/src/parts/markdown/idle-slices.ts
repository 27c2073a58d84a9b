// Owns work that may wait: done in slices between frames, first come first served, so that no one task holds the page up.
const sliceMs = 8;
/** A page that is never idle gets on with it all the same. */
const idleTimeoutMs = 200;

const waiting = new Set<() => boolean>();
let asked = false;

/**
 * Runs `step` again and again until it returns false.
 * @returns takes it back
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
