import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import { createProgressMeter, type PullProgress } from "./progress.ts";

test("the rate is smoothed, and ignores the bytes of earlier attempts", () => {
  const clock = createFakeClock();
  let last: PullProgress | undefined;
  const meter = createProgressMeter(clock, (progress) => (last = progress));
  meter.tell({ stage: "asking" });
  expect(last).toEqual({
    ...{ stage: "asking", doneBytes: 0, totalBytes: undefined, checkedBytes: 0 },
    ...{ bytesPerSecond: undefined, etaMs: undefined, part: 1, parts: 1 },
  });
  meter.startAt(1_000_000);
  let doneBytes = 1_000_000;
  const receive = (bytes: number, seconds: number): void => {
    for (let i = 0; i < seconds * 10; i += 1) {
      clock.advance(100);
      doneBytes += bytes / 10;
      meter.tell({ stage: "downloading", doneBytes, totalBytes: 3_000_000, part: 2, parts: 3 });
    }
  };
  receive(10_000, 10);
  expect(last).toMatchObject({ bytesPerSecond: 10_000, etaMs: 190_000, part: 2, parts: 3 });
  receive(20_000, 2);
  expect(last?.bytesPerSecond).toBeGreaterThan(12_000);
  expect(last?.bytesPerSecond).toBeLessThan(18_000);
  receive(20_000, 30);
  expect(last?.bytesPerSecond).toBeGreaterThan(19_900);
});
