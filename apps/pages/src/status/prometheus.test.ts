// Shows how scrapes are parsed, and values added up.
import { expect, it } from "vitest";
import { labelled, parseScrape, total } from "./prometheus.ts";

it("reads names with and without labels", () => {
  const scrape = parseScrape(
    '# HELP waggle_x Something.\n# TYPE waggle_x histogram\nwaggle_jobs_total{outcome="a b"} 3\nwaggle_up 1\n',
  );
  expect(scrape.get("waggle_up")).toBe(1);
  expect(scrape.get('waggle_jobs_total{outcome="a b"}')).toBe(3);
});

it("adds up the models of a worker", () => {
  const scrape = parseScrape('waggle_n_total{model="small"} 13\nwaggle_n_total{model="large"} 6\n');
  expect(total("waggle_n_total", scrape)).toBe(19);
  expect(total("waggle_none", scrape)).toBeUndefined();
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
