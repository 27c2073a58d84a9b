import { expect, it } from "vitest";
import { timeLines } from "./time-reporter.ts";

it("lists the time of each project, then the slowest files", () => {
  const module = (name: string, index: number) =>
    ({
      relativeModuleId: `${name}-${index}.test.ts`,
      diagnostic: () => ({ collectDuration: 500, duration: index * 1_000 }),
      project: { name },
    }) as unknown as Parameters<typeof timeLines>[0][number];
  const modules = [...Array.from({ length: 12 }, (_, index) => module("unit", index)), module("timed", 90)];
  const lines = timeLines(modules);
  expect(lines.slice(0, 4)).toEqual([
    " Time     72.0 s  unit, files: 12",
    " Time     90.5 s  timed, files: 1",
    " Time     90.5 s  timed-90.test.ts",
    " Time     11.5 s  unit-11.test.ts",
  ]);
  expect(lines).toHaveLength(12);
});
