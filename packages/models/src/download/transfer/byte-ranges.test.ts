import { createRandom } from "@waggle/testing/harness";
import { expect, test } from "vitest";
import { createByteRanges } from "./byte-ranges.ts";
import { createSpanQueue } from "./span-queue.ts";

const megabyte = 1 << 20;

test("adjacent ranges become one, and the bytes between other ranges are missing", () => {
  const ranges = createByteRanges([{ from: 10, to: 20 }]);
  expect([ranges.doneBytes, ranges.prefixBytes]).toEqual([10, 0]);
  ranges.add(30, 40);
  ranges.add(0, 5);
  ranges.add(7, 7);
  expect(ranges.missing(50)).toEqual([
    { from: 5, to: 10 },
    { from: 20, to: 30 },
    { from: 40, to: 50 },
  ]);
  ranges.add(4, 12);
  ranges.add(20, 30);
  expect(ranges.list).toEqual([{ from: 0, to: 40 }]);
  expect([ranges.doneBytes, ranges.prefixBytes]).toEqual([40, 40]);
  expect(ranges.missing(40)).toEqual([]);
  ranges.clear();
  expect(ranges.missing(40)).toEqual([{ from: 0, to: 40 }]);
  expect(createByteRanges().missing(0)).toEqual([]);
});

test("random ranges in random order give the right missing bytes, and count each byte once", () => {
  for (let round = 0; round < 100; round += 1) {
    const { between } = createRandom(round);
    const ranges = createByteRanges();
    const held = new Set<number>();
    for (let i = 0; i < 30; i += 1) {
      const from = between(0, 59);
      const to = Math.min(60, from + between(0, 11));
      ranges.add(from, to);
      for (let at = from; at < to; at += 1) held.add(at);
    }
    expect(ranges.doneBytes).toBe(held.size);
    const missing = ranges.missing(60).flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i));
    expect(missing).toEqual(Array.from({ length: 60 }, (_, at) => at).filter((at) => !held.has(at)));
  }
});

test("spans are assigned from the file's beginning; then a free connection takes half of the largest rest", () => {
  const queue = createSpanQueue([{ from: 0, to: 40 * megabyte }], 4);
  const spans = [1, 2, 3, 4].map(() => queue.claim());
  expect(spans.map((span) => span?.at)).toEqual([0, 10, 20, 30].map((at) => at * megabyte));
  const [first, second] = spans;
  if (first === undefined || second === undefined) throw new Error("no spans");
  first.at = first.end;
  queue.release(first);
  second.at += 1 * megabyte;
  const half = queue.claim();
  expect(half).toEqual({ at: 25 * megabyte, end: 30 * megabyte });
  expect(spans[2]?.end).toBe(25 * megabyte);
});

test("the rest of a released span is assigned again, once", () => {
  const queue = createSpanQueue([{ from: 100, to: 200 }], 4);
  const span = queue.claim();
  if (span === undefined) throw new Error("no span");
  expect(queue.claim()).toBeUndefined();
  span.at = 150;
  queue.release(span);
  queue.release(span);
  expect(queue.claim()).toEqual({ at: 150, end: 200 });
  expect(queue.claim()).toBeUndefined();
});

test("a span of a large file has at most 64 MiB", () => {
  const queue = createSpanQueue([{ from: 0, to: 1_024 * megabyte }], 4);
  expect([1, 2, 3, 4, 5].map(() => queue.claim()?.at)).toEqual([0, 64, 128, 192, 256].map((at) => at * megabyte));
});
