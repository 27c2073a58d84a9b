import { describe, expect, it } from "vitest";
import { counted, formatCount, formatDuration } from "./format.ts";

describe("numbers for people", () => {
  it.each([
    [0, "0 ms"],
    [999, "999 ms"],
    [12_400, "12 s"],
    [59_600, "1 min"],
    [200_000, "3 min 20 s"],
    [7_500_000, "2 h 5 min"],
    [86_400_000, "1 d"],
    [97_200_000, "1 d 3 h"],
  ])("%i milliseconds are %s", (ms, text) => expect(formatDuration(ms)).toBe(text));

  it.each([
    [512, "512"],
    [3_290_000, "3.3 M"],
    [135_000_000, "135 M"],
    [1_240_000_000, "1.2 B"],
  ])("%i parameters are %s", (count, text) => expect(formatCount(count)).toBe(text));

  it("a noun is singular only after 1", () => {
    expect([0, 1, 2].map((count) => counted(count, "slot"))).toEqual(["0 slots", "1 slot", "2 slots"]);
  });
});
