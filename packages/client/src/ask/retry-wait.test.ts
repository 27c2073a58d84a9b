import { afterEach, expect, it, vi } from "vitest";
import { defaultMaxTries } from "./follow-job.ts";
import { retryDelayMs } from "./retry-wait.ts";

afterEach(() => void vi.restoreAllMocks());

const delays = (random: number): number[] => {
  vi.spyOn(Math, "random").mockReturnValue(random);
  return Array.from({ length: defaultMaxTries }, (_, tries) => retryDelayMs(tries));
};
const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);

it("a server that returns within 4 s is tried again within its grace of 5 s", () => {
  for (const random of [0, 0.5, 1]) {
    const tries = delays(random).map((_, index, all) => sum(all.slice(0, index + 1)));
    expect(tries.some((at) => at >= 4_000 && at <= 5_000)).toBe(true);
  }
});

it("the tries last at least 11 s", () => {
  expect(sum(delays(0))).toBeGreaterThanOrEqual(11_000);
});
