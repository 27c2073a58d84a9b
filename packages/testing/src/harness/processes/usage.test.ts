// Tests the reading of a process's processor time and memory.
import { describe, expect, it } from "vitest";
import { needs } from "../../needs.ts";
import { processorStopwatch } from "./machine-speed.ts";
import { mainThreadOf, parseUsage, usageOf } from "./usage.ts";

describe("parseUsage", () => {
  it("parses the fields after a name that looks like fields", () => {
    const stat = `42 (a) R (b) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 7 20 0 11 0 12345 1000000 512 18446744073709551615`;
    expect(parseUsage(stat)).toEqual({ cpuMs: 3_000, rssMiB: 2 });
  });
});

/** Time passes without work while other processes use the cores. */
function workFor(ms: number): void {
  for (const elapsed = processorStopwatch(); elapsed() < ms;);
}

describe("usageOf", () => {
  it("grows with the work of the process", needs("Linux"), async () => {
    const before = await usageOf(process.pid);
    workFor(60);
    const after = await usageOf(process.pid);
    expect(after?.cpuMs).toBeGreaterThan(before?.cpuMs ?? Infinity);
    expect(after?.rssMiB).toBeGreaterThan(10);
  });

  it("is undefined without a process id", async () => {
    expect(await usageOf(undefined)).toBeUndefined();
  });
});

describe("mainThreadOf", () => {
  it("reports the times of a live process, and zeros after its exit", needs("Linux"), () => {
    const before = mainThreadOf(process.pid);
    workFor(30);
    const after = mainThreadOf(process.pid);
    expect(after.cpuMs).toBeGreaterThan(before.cpuMs);
    expect(after.waitMs).toBeGreaterThanOrEqual(before.waitMs);
    expect(mainThreadOf(2 ** 30)).toEqual({ cpuMs: 0, waitMs: 0 });
  });
});
