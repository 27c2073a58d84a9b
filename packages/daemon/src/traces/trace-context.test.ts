import { expect, test } from "vitest";
import { newSpanId, newTraceId, parseTraceParent } from "./trace-context.ts";

const trace = "0af7651916cd43dd8448eb211c80319c";
const span = "b7ad6b7169203331";

test("a header gives the trace, the caller's span, and whether the trace is sampled", () => {
  expect(parseTraceParent(`00-${trace}-${span}-01`, "a=1")).toEqual({
    traceId: trace,
    spanId: span,
    sampled: true,
    state: "a=1",
  });
  expect(parseTraceParent(` 00-${trace}-${span}-00 `)).toMatchObject({ sampled: false, state: undefined });
  expect(parseTraceParent(`00-${trace}-${span}-ff`)).toMatchObject({ sampled: true });
});

test("the first four fields are parsed from a header of a later version", () => {
  expect(parseTraceParent(`cc-${trace}-${span}-01-what-comes`)).toMatchObject({ traceId: trace });
});

test("a tracestate that is too long is not passed on", () => {
  expect(parseTraceParent(`00-${trace}-${span}-01`, "x".repeat(513))?.state).toBeUndefined();
});

test.each([
  undefined,
  "",
  `ff-${trace}-${span}-01`,
  `00-${trace}-${span}-01-more`,
  `00-${"0".repeat(32)}-${span}-01`,
  `00-${trace}-${"0".repeat(16)}-01`,
  `00-${trace.toUpperCase()}-${span}-01`,
  `00-${trace}-${span}`,
  `00-${trace}-${span}-1`,
])("%j is no header", (header) => {
  expect(parseTraceParent(header)).toBeUndefined();
});

test("new ids have the lengths that collectors require", () => {
  expect(newTraceId()).toMatch(/^[0-9a-f]{32}$/);
  expect(newSpanId()).toMatch(/^[0-9a-f]{16}$/);
});
