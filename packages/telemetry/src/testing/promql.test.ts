import { expect, test } from "vitest";
import { promqlFacts } from "./promql.ts";

test("the parser finds metrics, the labels that select series, and the labels that group series", () => {
  const expression =
    'histogram_quantile(0.9, sum by (model, le) (rate(a_bucket{x="1",y!~"2"}[5m]))) > on (instance) b and absent(c{z=""})';
  expect(promqlFacts(expression)).toEqual({
    errors: [],
    selectors: [
      { metric: "a_bucket", labels: ["x", "y"] },
      { metric: "b", labels: [] },
      { metric: "c", labels: ["z"] },
    ],
    groupings: ["model", "le", "instance"],
  });
});

test.each(["sum by (model (a)", "rate(a[5m)", "a +", 'a{x="1"', "a{x=1}"])(
  "%s is not a valid expression",
  (expression) => {
    expect(promqlFacts(expression).errors).not.toEqual([]);
  },
);
