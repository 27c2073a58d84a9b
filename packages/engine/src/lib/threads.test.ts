import { describe, expect, test } from "vitest";
import { createThreadGovernor, type ThreadGovernor } from "./threads.ts";

/** Runs passes that take `passMs(threads)`; returns the threads after each. */
function run(governor: ThreadGovernor, passes: number, passMs: (threads: number) => number, tokens = 8): number[] {
  return Array.from({ length: passes }, () => governor.observe({ tokens, passMs: passMs(governor.threads) }));
}

const scaling = (threads: number): number => 24 / threads;
/** One core is wanted elsewhere: whoever needs all of them waits for time slices. */
const oneCoreTaken = (cores: number) => (threads: number) => (threads >= cores ? 200 : scaling(threads));

describe("the thread governor", () => {
  test("starts with what it is given, within what the backend takes", () => {
    expect(createThreadGovernor({ start: 3, max: 8 }).threads).toBe(3);
    expect(createThreadGovernor({ start: 12, max: 8 }).threads).toBe(8);
  });

  test("stays while passes take what they should, single outliers included", () => {
    const governor = createThreadGovernor({ start: 4, max: 4 });
    run(governor, 20, scaling);
    run(governor, 1, () => 500);
    run(governor, 20, scaling);
    run(governor, 2, () => 500);
    expect(new Set(run(governor, 200, scaling))).toEqual(new Set([4]));
  });

  test("falls back within a few passes when they collapse, and no further than it has to", () => {
    const governor = createThreadGovernor({ start: 4, max: 4 });
    run(governor, 20, scaling);
    expect(run(governor, 3, oneCoreTaken(4))).toEqual([4, 4, 3]);
    expect(new Set(run(governor, 200, oneCoreTaken(4)))).toEqual(new Set([3]));
  });

  test("falls on while fewer threads collapse as well, down to one", () => {
    const governor = createThreadGovernor({ start: 8, max: 8 });
    run(governor, 20, scaling);
    expect(run(governor, 30, oneCoreTaken(2)).at(-1)).toBe(1);
  });

  test("comes back after a while once the core is free", () => {
    const governor = createThreadGovernor({ start: 4, max: 4 });
    run(governor, 20, scaling);
    run(governor, 10, oneCoreTaken(4));
    expect(governor.threads).toBe(3);
    expect(run(governor, 300, scaling).at(-1)).toBe(4);
    expect(run(governor, 300, scaling).at(-1)).toBe(4);
  });

  test("tries more threads ever more rarely while they go on collapsing", () => {
    const governor = createThreadGovernor({ start: 4, max: 4 });
    run(governor, 20, scaling);
    const early = run(governor, 2000, oneCoreTaken(4)).filter((threads) => threads === 4).length;
    const late = run(governor, 2000, oneCoreTaken(4)).filter((threads) => threads === 4).length;
    expect(early).toBeGreaterThan(3);
    expect(late).toBeLessThan(early / 2);
  });

  test("gives up more threads that are no faster than fewer were", () => {
    const governor = createThreadGovernor({ start: 2, max: 2 });
    run(governor, 20, () => 10);
    run(governor, 10, (threads) => (threads === 2 ? 100 : 12));
    expect(governor.threads).toBe(1);
    const slowerTogether = run(governor, 600, (threads) => (threads === 2 ? 20 : 12));
    expect(slowerTogether).toContain(2);
    expect(slowerTogether.filter((threads) => threads === 2).length).toBeLessThan(10);
  });

  test("does not take a growing context or a larger batch for a collapse", () => {
    const governor = createThreadGovernor({ start: 4, max: 4 });
    let ms = 1;
    run(governor, 8000, () => (ms *= 1.0003));
    run(governor, 50, () => 100, 128);
    expect(governor.threads).toBe(4);
  });
});
