import { expect, it } from "vitest";
import { parseScrape } from "./prometheus.ts";
import { isQuiet, seriesOf } from "./series.ts";
import type { TimedScrape } from "./series.ts";

function scrape(at: number, tokens: number): TimedScrape {
  return { at, values: parseScrape(`waggle_tokens_generated_total{model="m"} ${tokens}\nwaggle_slots_busy 0\n`) };
}

it("tells what happened between two scrapes", () => {
  const { times, tokensPerSecond, ttftP50 } = seriesOf([scrape(0, 0), scrape(2_000, 100), scrape(4_000, 100)]);
  expect(times).toEqual([2, 4]);
  expect(tokensPerSecond).toEqual([50, 0]);
  expect(ttftP50).toEqual([undefined, undefined]);
});

it("invents nothing for a time in which nobody asked", () => {
  const { tokensPerSecond } = seriesOf([scrape(0, 0), scrape(2_000, 100), scrape(62_000, 900), scrape(64_000, 900)]);
  expect(tokensPerSecond).toEqual([50, undefined, 0]);
});

it("calls a plot quiet that would show nothing but zeros, or nothing", () => {
  expect(isQuiet([[], []])).toBe(true);
  expect(isQuiet([[undefined, 0], [0]])).toBe(true);
  expect(
    isQuiet([
      [undefined, 0],
      [0, 2],
    ]),
  ).toBe(false);
});
