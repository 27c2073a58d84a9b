import { expect, it } from "vitest";
import { parseScrape } from "./prometheus.ts";
import { seriesOf } from "./series.ts";
import type { TimedScrape } from "./series.ts";

function scrape(at: number, tokens: number): TimedScrape {
  return { at, values: parseScrape(`waggle_tokens_generated_total{model="m"} ${tokens}\nwaggle_slots_busy 0\n`) };
}

it("computes rates between two scrapes", () => {
  const { times, tokensPerSecond, ttftP50 } = seriesOf([scrape(0, 0), scrape(2_000, 100), scrape(4_000, 100)]);
  expect(times).toEqual([2, 4]);
  expect(tokensPerSecond).toEqual([50, 0]);
  expect(ttftP50).toEqual([undefined, undefined]);
});

it("a series has no value for a time without scrapes", () => {
  const { tokensPerSecond } = seriesOf([scrape(0, 0), scrape(2_000, 100), scrape(62_000, 900), scrape(64_000, 900)]);
  expect(tokensPerSecond).toEqual([50, undefined, 0]);
});
