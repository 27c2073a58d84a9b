import { expect, it } from "vitest";
import {
  formatCount,
  formatCounted,
  formatDuration,
  formatFigure,
  formatLargeCount,
  formatMilliseconds,
  formatShare,
  formatTime,
  formatTokenRate,
} from "./format.ts";

it("formats counts and figures", () => {
  expect([2, 3.456, 9.97, 85.4, 1_234.5, undefined].map(formatFigure)).toEqual(["2", "3.5", "10", "85", "1,235", "–"]);
  expect(formatCount(30_000)).toBe("30,000");
  expect([1, 1_235].map((count) => formatCounted(count, "token"))).toEqual(["1 token", "1,235 tokens"]);
  expect([7_241_732_096, 134_515_008, 656_000].map(formatLargeCount)).toEqual([
    "7.2 billion",
    "135 million",
    "656,000",
  ]);
  expect(formatTokenRate(3.456)).toBe("3.5 tokens/s");
});

it("rounds shares to the nearest percent", () => {
  expect([0, 0.004, 0.5, undefined].map(formatShare)).toEqual(["0 %", "under 1 %", "50 %", "–"]);
});

it("formats milliseconds", () => {
  expect([2.34, 84.6, 999.7, 1_500, undefined].map(formatMilliseconds)).toEqual([
    "2.3 ms",
    "85 ms",
    "1.0 s",
    "1.5 s",
    "–",
  ]);
});

it("rounds a duration down", () => {
  const [minute, hour] = [60_000, 3_600_000];
  expect([0, 119_999, 2 * minute, 119 * minute, 2 * hour, 49 * hour].map((ms) => formatDuration(ms))).toEqual([
    "0 s",
    "119 s",
    "2 min",
    "119 min",
    "2 h",
    "2 days",
  ]);
});

it.each([
  [-5, "0 s"],
  [39_001, "40 s"],
  [119_000, "119 s"],
  [120_001, "3 min"],
  [7_200_000, "2 h"],
  [86_400_000 * 5, "5 days"],
])("rounds %i ms left up to %s", (ms, text) => expect(formatDuration(ms, "up")).toBe(text));

it("adds the date to a time on another day", () => {
  const now = new Date(2026, 4, 9, 15, 0, 0).getTime();
  expect(formatTime(now - 60_000, now)).toBe("14:59:00");
  expect(formatTime(now - 86_400_000, now)).toBe("8 May, 15:00:00");
});
