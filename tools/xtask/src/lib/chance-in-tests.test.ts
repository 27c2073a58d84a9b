// Tests what counts as chance in a test, and that the list of files with it only gets shorter.
import { readFileSync } from "node:fs";
import { repositoryPath } from "@waggle/testing/harness";
import { expect, it } from "vitest";
import { chanceFile, compareChance, type Chances } from "./chance-in-tests.ts";

const chances = JSON.parse(readFileSync(repositoryPath(chanceFile), "utf8")) as Chances;

it.each([
  ["wall clock", "createFeed({ clock: systemClock })", "createFeed({ clock: createFakeClock() })"],
  ["wall clock", "{ now: Date.now }", "new Date(0)"],
  ["sleep", "await sleep(400);", "await stream.pause(400);"],
  ["sleep", "new Promise((resolve) => setTimeout(resolve, 1))", "clock.setTimeout(resolve, 1)"],
  ["near limit", "expect.poll(isGone, { timeout: 3_000 })", "expect.poll(isGone)"],
  ["near limit", 'poll("its end", () => ended.length === 1, 10_000)', 'poll("its end", () => ended.length === 1)'],
  ["processor time", "expect(processorMs(work)).toBeLessThan(9)", "expect(steps).toBeLessThan(9)"],
  ["retry", "for (let tries = 1; tries < 5 && isLate(run); tries += 1)", "for (let round = 0; round < 5; round += 1)"],
  ...["skip", "skipIf(true)", "runIf(false)", "concurrent.skip", "todo"].map((way) => [
    ...["silent skip", `it.${way}("works")`, 'it("works", needs("Linux"), () => context.skip("no network"))'],
  ]),
])("%s: %s", (kind = "", bad = "", good = "") => {
  const kinds = Object.fromEntries(Object.entries(chances).map(([name, chance]) => [name, { ...chance, files: [] }]));
  const found = compareChance(new Map(Object.entries({ bad, good })), kinds);
  expect(found).toEqual([expect.stringContaining(`bad: a test must not have a ${kind}: `)]);
});

it("refuses a file that is not on the list, and an entry that is not needed", () => {
  const sleep = { pattern: "sleep", instead: "wait", files: ["a", "mended"] };
  const texts = new Map(Object.entries({ a: "sleep", mended: "", new: "sleep" }));
  expect(compareChance(texts, { sleep })).toEqual([
    "new: a test must not have a sleep: wait",
    ".ci/chance.json: mended has no sleep any more; delete the entry",
  ]);
});
