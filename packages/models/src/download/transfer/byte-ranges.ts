// Tracks which bytes of a file have been received, when several connections receive them in any order.

/** The bytes `[from, to)`. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

export interface ByteRanges {
  /** Number of received bytes. */
  readonly doneBytes: number;
  /** Number of bytes before the first gap. */
  readonly prefixBytes: number;
  /** The received ranges in order, with a gap between any two. */
  readonly list: readonly ByteRange[];
  add(from: number, to: number): void;
  /** Gaps in a file of this size, in order. */
  missing(sizeBytes: number): readonly ByteRange[];
  clear(): void;
}

export function createByteRanges(initial: readonly ByteRange[] = []): ByteRanges {
  let list: ByteRange[] = [];
  let doneBytes = 0;

  // A linear scan is fast enough: there are only a few more ranges than connections.
  function add(from: number, to: number): void {
    if (from >= to) return;
    const touched = list.filter((range) => range.from <= to && range.to >= from);
    const joined = {
      from: Math.min(from, ...touched.map((range) => range.from)),
      to: Math.max(to, ...touched.map((range) => range.to)),
    };
    list = [...list.filter((range) => !touched.includes(range)), joined].toSorted((a, b) => a.from - b.from);
    doneBytes = list.reduce((sum, range) => sum + range.to - range.from, 0);
  }

  for (const { from, to } of initial) add(from, to);
  return {
    get doneBytes() {
      return doneBytes;
    },
    get prefixBytes() {
      const [first] = list;
      return first?.from === 0 ? first.to : 0;
    },
    get list() {
      return list;
    },
    add,
    missing(sizeBytes) {
      const gaps: ByteRange[] = [];
      let at = 0;
      for (const { from, to } of [...list, { from: sizeBytes, to: sizeBytes }]) {
        if (from > at) gaps.push({ from: at, to: from });
        at = to;
      }
      return gaps;
    },
    clear() {
      list = [];
      doneBytes = 0;
    },
  };
}
