// Shows how scrapes are parsed, and quantiles computed from the growth of buckets.
import { expect, it } from "vitest";
import { growth, labelled, parseScrape, quantile, total } from "./prometheus.ts";

const text = (counts: readonly [number, number, number]): string =>
  `# HELP waggle_x Something.\n# TYPE waggle_x histogram\n` +
  `waggle_x_bucket{le="0.1"} ${counts[0]}\nwaggle_x_bucket{le="1"} ${counts[1]}\nwaggle_x_bucket{le="+Inf"} ${counts[2]}\n` +
  `waggle_jobs_total{outcome="a b"} 3\nwaggle_up 1\n`;

it("reads names with and without labels", () => {
  const scrape = parseScrape(text([1, 2, 3]));
  expect(scrape.get("waggle_up")).toBe(1);
  expect(scrape.get('waggle_jobs_total{outcome="a b"}')).toBe(3);
});

it("counts the growth of a new counter from zero", () => {
  expect(growth("waggle_up", new Map(), parseScrape(text([0, 0, 0])))).toBe(1);
});

it("computes a quantile of the values between two scrapes; undefined without values", () => {
  const before = parseScrape(text([100, 100, 100]));
  const after = parseScrape(text([100, 110, 110]));
  expect(quantile(0.5, "waggle_x", before, after)).toEqual({ guess: expect.closeTo(0.55), atMost: 1 });
  expect(quantile(0.5, "waggle_x", after, after)).toBeUndefined();
});

it("computes a quantile without an upper bound for a value beyond the last bucket", () => {
  expect(quantile(0.5, "waggle_x", parseScrape(text([0, 0, 0])), parseScrape(text([0, 0, 4])))).toEqual({
    guess: 1,
    atMost: Infinity,
  });
});

it("adds up the models of a worker", () => {
  const scrape = (small: number, large: number | undefined): string =>
    `waggle_n_total{model="small"} ${small}\nwaggle_n_bucket{le="1",model="small"} ${small}\nwaggle_n_bucket{le="+Inf",model="small"} ${small}\n` +
    (large === undefined
      ? ""
      : `waggle_n_total{model="large"} ${large}\nwaggle_n_bucket{model="large",le="1"} 0\nwaggle_n_bucket{model="large",le="+Inf"} ${large}\n`);
  const [before, after] = [parseScrape(scrape(10, 5)), parseScrape(scrape(13, 6))];
  expect(total("waggle_n_total", after)).toBe(19);
  expect(total("waggle_none", after)).toBeUndefined();
  expect(growth("waggle_n_total", before, after)).toBe(4);
  expect(quantile(0.75, "waggle_n", before, after)?.guess).toBe(1);
  expect(quantile(0.5, "waggle_n", before, after)?.guess).toBeCloseTo(2 / 3);
  // A model that has left, or whose counter was reset, does not reduce the growth of other models.
  expect(growth("waggle_n_total", before, parseScrape(scrape(12, undefined)))).toBe(2);
  expect(growth("waggle_n_total", before, parseScrape(scrape(12, 1)))).toBe(2);
});

it("sums by a label, with any characters in its value and any other labels", () => {
  const scrape = parseScrape(
    'waggle_x{model="a b",reason="one"} 1\nwaggle_x{reason="two",model="a b"} 2\nwaggle_x{model="with \\"quotes\\""} 4\nwaggle_x 8\n',
  );
  expect([...labelled("waggle_x", "model", scrape)]).toEqual([
    ["a b", 3],
    ['with "quotes"', 4],
  ]);
});
