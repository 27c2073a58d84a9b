// Owns spans and their encoding for a collector: OTLP's JSON (https://opentelemetry.io/docs/specs/otlp/, "JSON Protobuf Encoding").
// We encode spans without a library, because the official packages for traces over HTTP take 28 MB on disk.

export type AttributeValue = string | number | boolean | readonly string[];
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly traceState: string | undefined;
  readonly name: string;
  readonly kind: "internal" | "server";
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  /** Undefined attributes are left out. */
  readonly attributes: Attributes;
  readonly failed: boolean;
}

/** SpanKind and StatusCode of opentelemetry/proto/trace/v1/trace.proto. */
const kinds = { internal: 1, server: 2 } as const;
const statusError = 2;

export function encodeSpan(span: Span): string {
  return JSON.stringify({
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    traceState: span.traceState,
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: nanosecondsOf(span.startMs),
    endTimeUnixNano: nanosecondsOf(Math.max(span.startMs, span.endMs)),
    attributes: encodeAttributes(span.attributes),
    ...(span.failed ? { status: { code: statusError } } : {}),
  });
}

/** Encodes the body of one post. @param spans the results of `encodeSpan` */
export function encodeBatch(resource: Attributes, version: string, spans: readonly string[]): string {
  const shared = JSON.stringify(encodeAttributes(resource));
  const scope = JSON.stringify({ name: "waggle", version });
  return `{"resourceSpans":[{"resource":{"attributes":${shared}},"scopeSpans":[{"scope":${scope},"spans":[${spans.join(",")}]}]}]}`;
}

function encodeAttributes(attributes: Attributes): readonly object[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: encodeValue(value) }],
  );
}

function encodeValue(value: AttributeValue): object {
  switch (typeof value) {
    case "string":
      return { stringValue: value };
    case "boolean":
      return { boolValue: value };
    case "number":
      return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
    default:
      return { arrayValue: { values: value.map((item) => ({ stringValue: item })) } };
  }
}

/** Nanoseconds as text, because they exceed JSON's exact integers. A double is precise to the microsecond. */
function nanosecondsOf(ms: number): string {
  return `${Math.round(ms * 1_000)}000`;
}
