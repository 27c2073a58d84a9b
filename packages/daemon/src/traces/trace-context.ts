// Parses and writes the header `traceparent`, which passes a trace from one program to the next (https://www.w3.org/TR/trace-context/).
import { randomBytes } from "node:crypto";

export interface TraceParent {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** Id of the caller's span: 16 lower-case hex digits. */
  readonly spanId: string;
  readonly sampled: boolean;
  /** The caller's `tracestate`, passed on unchanged. */
  readonly state: string | undefined;
}

/** Longest `tracestate` that is passed on: the specification requires at least 512 characters. */
const maxStateChars = 512;

/** Returns undefined for a missing or invalid header; the caller then begins a new trace. */
export function parseTraceParent(header: string | undefined, state?: string): TraceParent | undefined {
  // Headers of later versions begin with the same four fields, and may have more fields.
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
