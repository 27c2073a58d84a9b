// Tests the reading of a process's processor time and memory.
import { expect, it } from "vitest";
import { parseUsage } from "./usage.ts";

it("parses the fields of a stat after a name that looks like fields", () => {
  const stat = `42 (a) R (b) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 7 20 0 11 0 12345 1000000 512 18446744073709551615`;
  expect(parseUsage(stat)).toEqual({ cpuMs: 3_000, rssMiB: 2 });
});
