import { expect, it } from "vitest";
import { formatByteRate, formatBytes, formatPercent } from "./format.ts";

it.each([
  [0, "0 B"],
  [999, "999 B"],
  [999.6, "1.0 kB"],
  [1_000, "1.0 kB"],
  [1_536, "1.5 kB"],
  [99_940, "99.9 kB"],
  [99_950, "100 kB"],
  [999_499, "999 kB"],
  [999_600, "1.0 MB"],
  [812_345_678, "812 MB"],
  [1_234_567_890, "1.2 GB"],
  [71_000_000_000_000, "71.0 TB"],
  [5e15, "5000 TB"],
])("%d bytes read %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

it("formats rates, and rounds progress down", () => {
  expect(formatByteRate(12_000_000)).toBe("12.0 MB/s");
  expect([0, 0.429, 0.9999, 1].map(formatPercent)).toEqual(["0 %", "42 %", "99 %", "100 %"]);
});
