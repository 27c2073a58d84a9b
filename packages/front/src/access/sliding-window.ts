// Owns the use of a limited quantity within a sliding time window. The window consists of cells, and uses expire cell by cell, one window after the
// cell's last use. A token bucket would need less memory, but allows twice its rate in the first minute.
export interface SlidingWindow {
  /** @returns a function that undoes the call */
  add(amount: number, now: number): () => void;
  used(now: number): number;
  /** Milliseconds until less than `limit` is used, without further use; 0 if less is used now. */
  belowInMs(limit: number, now: number): number;
}

interface Cell {
  /** Number of the cell, from time 0 of the clock. */
  readonly number: number;
  amount: number;
  lastUseAt: number;
}

/** @param cells number of cells in the window; at most `cells + 1` are stored */
export function createSlidingWindow(windowMs: number, cells: number): SlidingWindow {
  const cellMs = windowMs / cells;
  /** The cells with any use, oldest first. */
  let kept: Cell[] = [];

  function drop(now: number): void {
    const first = kept.findIndex(({ lastUseAt }) => lastUseAt + windowMs > now);
    if (first !== 0) kept = first === -1 ? [] : kept.slice(first);
  }

  function used(now: number): number {
    drop(now);
    return kept.reduce((sum, { amount }) => sum + amount, 0);
  }

  return {
    used,
    add(amount, now) {
      drop(now);
      const number = Math.floor(now / cellMs);
      let cell = kept.at(-1);
      if (cell?.number !== number) {
        cell = { number, amount: 0, lastUseAt: now };
        kept.push(cell);
      }
      const counted = cell;
      counted.amount += amount;
      counted.lastUseAt = now;
      return () => void (counted.amount -= amount);
    },
    belowInMs(limit, now) {
      let left = used(now);
      if (left < limit) return 0;
      for (const cell of kept) {
        left -= cell.amount;
        if (left < limit) return cell.lastUseAt + windowMs - now;
      }
      return windowMs;
    },
  };
}
