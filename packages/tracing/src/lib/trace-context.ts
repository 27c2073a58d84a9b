// Owns how a trace is handed on from one program to the next: the header `traceparent` (https://www.w3.org/TR/trace-context/).
import { randomBytes } from "node:crypto";

export interface TraceParent {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 of them: of the caller's span. */
  readonly spanId: string;
  readonly sampled: boolean;
  /** The caller's `tracestate`, handed on as it is. */
  readonly state: string | undefined;
}

/** The specification asks for 512 to be handed on at least. */
const maxStateChars = 512;

/** Undefined for a header that is none: then a trace begins here. */
export function parseTraceParent(header: string | undefined, state?: string): TraceParent | undefined {
  // Versions to come begin with the same four fields, and may have more behind them.
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header?.trim() ?? "");
  const [, version = "ff", traceId = "", spanId = "", flags = "0", more] = match ?? [];
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return undefined;
  const handedOn = state !== undefined && state.length <= maxStateChars ? state : undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1, state: handedOn };
}

export function newTraceId(): string {
  return randomBytes(16).toString("hex");
}

export function newSpanId(): string {
  return randomBytes(8).toString("hex");
}
