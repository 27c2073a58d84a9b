// Assigns byte spans of a file to connections. Spans are assigned from the file's beginning, so that the file can be hashed as it grows. When all
// spans are assigned, a free connection takes half of the largest unfinished span.
import type { ByteRange } from "./byte-ranges.ts";

/** With larger spans, the file's end would arrive long before its middle, and hashing would have to wait. */
const mostSpanBytes = 64 << 20;
/** A smaller span is not worth a request. */
const leastSpanBytes = 4 << 20;

/** Bytes that a connection downloads. The queue may move the end closer meanwhile. */
export interface Span {
  /** The next missing byte. The connection advances it. */
  at: number;
  /** The first byte after the span. */
  end: number;
}

export interface SpanQueue {
  /** @returns undefined if no work is left for another connection */
  claim(): Span | undefined;
  /** Call it when the span's connection has finished or failed: other connections may then take the rest. Idempotent. */
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
