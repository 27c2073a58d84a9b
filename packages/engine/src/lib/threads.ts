// Owns how many threads compute: it hears how long real passes took and falls back when they collapse. It knows no
// clock or backend.

/** A pass that takes this many times what it should has collapsed; a full context alone may cost three times. */
const collapseFactor = 4;
/** More threads that take this many times what fewer have taken are no gain. */
const noGainFactor = 1.5;
/** Collapsed passes, each undoing one good pass, after which fewer threads are tried. */
const strikesToFallBack = 3;
/** Part of the threads that a fall-back keeps; always at least one fewer. */
const keptShare = 0.75;
/** Good passes before more threads are tried again; doubles with each attempt that fails. */
const firstProbeAfterPasses = 256;
const maxProbeAfterPasses = 16_384;
/** Passes that more threads have to survive before the attempt counts as a success. */
const probationPasses = 64;
/**
 * How fast best times are forgotten, per pass: contexts grow and machines change, but not much within the passes of a
 * collapse.
 */
const agingPerPass = 1.002;

export interface ThreadGovernorOptions {
  /** The threads to begin with, and never more than that: a free core proves nothing about the next minute. */
  readonly start: number;
  /** Most threads that the backend takes. */
  readonly max: number;
}

export interface ThreadGovernor {
  readonly threads: number;
  /** Learns from a pass that fed this many tokens; returns the threads for the next one. */
  observe(pass: { readonly tokens: number; readonly passMs: number }): number;
}

/**
 * Every pass waits at barriers for its slowest thread. When something else wants a core, that is a scheduler's time
 * slice each time, and many threads are not a little slower but many times; fewer threads then win by far.
 */
export function createThreadGovernor({ start, max }: ThreadGovernorOptions): ThreadGovernor {
  const ceiling = Math.max(1, Math.min(start, max));
  /** Best pass time in ms, per bucket of pass sizes (half a power of two wide) and then per thread count. */
  const bests = new Map<number, Map<number, number>>();
  /** Thread counts fallen back from, the latest last. */
  const higher: number[] = [];
  let threads = ceiling;
  let strikes = 0;
  let goodPasses = 0;
  let probeAfterPasses = firstProbeAfterPasses;
  let onProbation = false;

  function isCollapsed(tokens: number, passMs: number): boolean {
    const bucket = Math.round(Math.log2(tokens) * 2);
    const best = bests.get(bucket) ?? new Map<number, number>();
    const collapsed = passMs > longestMs(best, threads);
    for (const [count, ms] of best) best.set(count, ms * agingPerPass);
    best.set(threads, Math.min(passMs, best.get(threads) ?? Infinity));
    bests.set(bucket, best);
    return collapsed;
  }

  function fallBack(): void {
    if (onProbation) probeAfterPasses = Math.min(maxProbeAfterPasses, probeAfterPasses * 2);
    higher.push(threads);
    moveTo(Math.max(1, Math.min(threads - 1, Math.floor(threads * keptShare))));
    onProbation = false;
  }

  function probe(previous: number): void {
    higher.pop();
    moveTo(previous);
    onProbation = true;
  }

  function moveTo(next: number): void {
    threads = next;
    strikes = 0;
    goodPasses = 0;
  }

  return {
    get threads() {
      return threads;
    },
    observe({ tokens, passMs }) {
      const collapsed = isCollapsed(tokens, passMs);
      strikes = collapsed ? strikes + 1 : Math.max(0, strikes - 1);
      goodPasses = collapsed ? 0 : goodPasses + 1;
      if (onProbation && goodPasses >= probationPasses) {
        onProbation = false;
        probeAfterPasses = firstProbeAfterPasses;
      }
      const previous = higher.at(-1);
      if (strikes >= strikesToFallBack && threads > 1) fallBack();
      else if (previous !== undefined && goodPasses >= probeAfterPasses) probe(previous);
      return threads;
    },
  };
}

/**
 * The longest that a pass with `threads` may take, judging by what it took with more (as if work divided perfectly)
 * and with fewer.
 */
function longestMs(best: ReadonlyMap<number, number>, threads: number): number {
  let longest = Infinity;
  for (const [count, ms] of best) {
    const allowed = count < threads ? noGainFactor * ms : (collapseFactor * ms * count) / threads;
    longest = Math.min(longest, allowed);
  }
  return longest;
}
