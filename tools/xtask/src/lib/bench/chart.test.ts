// Tests the picture: its numbers stand where they belong.
import { describe, expect, it } from "vitest";
import { chartSvg, niceCeiling, type ChartPanel } from "./chart.ts";

function panel(values: readonly number[]): ChartPanel {
  const points = values.map((value, index) => ({ streams: 2 ** index, value }));
  return { title: "Speed", unit: "tokens/s", series: [{ name: "A & <B>", points }] };
}

describe("chartSvg", () => {
  it("puts every point into the plot, the largest highest", () => {
    const svg = chartSvg([panel([10, 400, 200]), panel([1, 2, 3])], "About");
    const circles = [...svg.matchAll(/<circle class="d0" cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [
      Number(x),
      Number(y),
    ]);
    expect(circles).toHaveLength(6);
    const heights = circles.slice(0, 3).map(([, y]) => y);
    expect(Math.min(...heights.map(Number))).toBe(heights[1]);
    expect(new Set(circles.slice(0, 3).map(([x]) => x)).size).toBe(3);
  });

  it("is well-formed whatever the names are, and without any points", () => {
    const svg = chartSvg([panel([1]), panel([])], 'a "quoted" <title>');
    expect(svg).toContain("A &amp; &lt;B&gt;");
    expect(svg).toContain("a &quot;quoted&quot; &lt;title&gt;");
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe("niceCeiling", () => {
  it("is a short number that holds the value", () => {
    expect([1, 1.2, 41, 380, 9_999].map(niceCeiling)).toEqual([1, 1.2, 60, 400, 10_000]);
    expect(niceCeiling(0.3)).toBeCloseTo(0.32);
    expect(niceCeiling(0)).toBe(1);
  });
});
