// Owns which connection fetches which bytes. The file is given out in pieces from its beginning, so that it can be hashed while it grows;
// when nothing is left to give out, who is free takes half of what the slowest still has to do. Pure: it knows no connection.
import type { ByteRange } from "./byte-ranges.ts";

/** More than this is not given out at once, or the end of the file would be here long before its middle. */
const mostSpanBytes = 64 << 20;
/** Less than this is not worth a request of its own. */
const leastSpanBytes = 4 << 20;

/** What one connection has to fetch. Its end may move towards its beginning meanwhile. */
export interface Span {
  /** The next byte that is missing; its connection moves it on. */
  at: number;
  /** The first byte that is somebody else's. */
  end: number;
}

export interface SpanQueue {
  /** Undefined: there is nothing left to do for one more connection. */
  claim(): Span | undefined;
  /** Its connection is done with it, or has failed: what is left of it is for anybody. Idempotent. */
  release(span: Span): void;
}

export function createSpanQueue(missing: readonly ByteRange[], connections: number): SpanQueue {
  const waiting: Span[] = missing.map(({ from, to }) => ({ at: from, end: to }));
  const claimed = new Set<Span>();
  const missingBytes = missing.reduce((sum, { from, to }) => sum + to - from, 0);
  const spanBytes = Math.min(mostSpanBytes, Math.max(leastSpanBytes, Math.ceil(missingBytes / connections)));

  function take(): Span | undefined {
    const [first] = waiting;
    if (first === undefined) return undefined;
    const span = { at: first.at, end: Math.min(first.end, first.at + spanBytes) };
    first.at = span.end;
    if (first.at === first.end) waiting.shift();
    return span;
  }

  function split(): Span | undefined {
    let largest: Span | undefined;
    for (const span of claimed) {
      if (largest === undefined || span.end - span.at > largest.end - largest.at) largest = span;
    }
    if (largest === undefined || largest.end - largest.at < 2 * leastSpanBytes) return undefined;
    const middle = Math.ceil((largest.at + largest.end) / 2);
    const span = { at: middle, end: largest.end };
    largest.end = middle;
    return span;
  }

  return {
    claim() {
      const span = take() ?? split();
      if (span !== undefined) claimed.add(span);
      return span;
    },
    release(span) {
      const left = claimed.delete(span) && span.at < span.end;
      if (left) waiting.unshift({ ...span });
    },
  };
}
