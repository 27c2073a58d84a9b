// Assigns byte spans of a file to connections. Spans are assigned from the beginning of the file, so that it can be hashed while it grows. When all
// are assigned, a free connection takes half of the largest unfinished span. Pure: it opens no connection.
import type { ByteRange } from "./byte-ranges.ts";

/** The largest span. With larger ones the end of the file would arrive long before its middle. */
const mostSpanBytes = 64 << 20;
/** A smaller span is not worth a request. */
const leastSpanBytes = 4 << 20;

/** The bytes that one connection fetches. The end may be moved closer while the connection runs. */
export interface Span {
  /** The next missing byte; advanced by the span's connection. */
  at: number;
  /** The first byte of the next span. */
  end: number;
}

export interface SpanQueue {
  /** Undefined when there is nothing left for another connection. */
  claim(): Span | undefined;
  /** Called when the span's connection has finished or failed: other connections may take the rest. Idempotent. */
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
