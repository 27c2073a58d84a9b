// Owns how much was used in the last so many milliseconds. It errs on the safe side by one cell at most: what it says was used in a window
// may be a cell's time older than the window.
export interface SlidingWindow {
  /** @returns what takes it back */
  add(amount: number, now: number): () => void;
  used(now: number): number;
  /** Milliseconds until less than `limit` is used, if nothing is added; 0 when that is so now. */
  belowInMs(limit: number, now: number): number;
}

interface Cell {
  /** The cell's number, counted from the clock's zero. */
  readonly number: number;
  amount: number;
}

/** @param cells of the window: so many, and one more, are kept at most */
export function createSlidingWindow(windowMs: number, cells: number): SlidingWindow {
  const cellMs = windowMs / cells;
  /** Oldest first; only those in which something was used. */
  let kept: Cell[] = [];

  /** What began in a cell is over when all of the cell is out of the window. */
  function leavesAt(cell: Cell): number {
    return (cell.number + 1) * cellMs + windowMs;
  }

  function drop(now: number): void {
    const first = kept.findIndex((cell) => leavesAt(cell) > now);
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
        cell = { number, amount: 0 };
        kept.push(cell);
      }
      const counted = cell;
      counted.amount += amount;
      return () => void (counted.amount -= amount);
    },
    belowInMs(limit, now) {
      let left = used(now);
      if (left < limit) return 0;
      for (const cell of kept) {
        left -= cell.amount;
        if (left < limit) return leavesAt(cell) - now;
      }
      return windowMs;
    },
  };
}
