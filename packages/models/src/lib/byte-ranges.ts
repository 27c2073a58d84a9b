// Owns which bytes of a file are here, while it arrives from several places at once. Pure: it knows no file.

/** From `from` up to `to`, which is not part of it. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

export interface ByteRanges {
  /** Of all ranges together. */
  readonly doneBytes: number;
  /** So many from the file's beginning are here without a gap. */
  readonly prefixBytes: number;
  /** In order, with a gap between each two. */
  readonly list: readonly ByteRange[];
  add(from: number, to: number): void;
  /** The gaps of a file of this size, in order. */
  missing(sizeBytes: number): readonly ByteRange[];
  clear(): void;
}

export function createByteRanges(initial: readonly ByteRange[] = []): ByteRanges {
  let list: ByteRange[] = [];
  let doneBytes = 0;

  // There are a few more of them than connections, so going over all is cheaper than anything clever.
  function add(from: number, to: number): void {
    if (from >= to) return;
    const touched = list.filter((range) => range.from <= to && range.to >= from);
    const joined = touched.reduce(
      (sum, range) => ({ from: Math.min(sum.from, range.from), to: Math.max(sum.to, range.to) }),
      {
        from,
        to,
      },
    );
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
