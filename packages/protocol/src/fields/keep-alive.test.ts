import { expect, test } from "vitest";
import { KeepAliveSchema, keepAliveMs } from "./keep-alive.ts";

test.each([
  [300, 300_000],
  [0, 0],
  [-1, Infinity],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["1.5s", 1_500],
  ["250ms", 250],
  ["0", 0],
  ["-1s", Infinity],
  [2_147_483, 2_147_483_000],
  [2_147_484, Infinity],
  ["1000h", Infinity],
  [1e300, Infinity],
  ["9".repeat(63) + "h", Infinity],
])("%j is %d ms", (value, ms) => {
  expect(keepAliveMs(KeepAliveSchema.parse(value))).toBe(ms);
});

test.each(["5 minutes", "", "m", "5"])("%j is rejected", (value) => {
  expect(KeepAliveSchema.safeParse(value).success).toBe(false);
});
