import { expect, it } from "vitest";
import { createRandom } from "../harness/figures/random.ts";
import { pausable } from "./loaded-run.ts";
import { everRed, redTestsOf, type TestFiles } from "./red-tests.ts";

const passed = { ancestorTitles: ["", "queue"], title: "is fair", status: "passed" };
const failed = { ...passed, status: "failed", failureMessages: ["Error: 1\n    at x.ts:1\n\n{ seed: 7 }"] };
const red = (name: string, message = "", seed = 5, file = "a.test.ts") => ({ seed, file, name, message });
const file = (status: string, ...assertionResults: object[]) =>
  ({ name: "/root/a.test.ts", status, message: "no module", assertionResults }) as TestFiles[number];

it("names red tests, files that are red without one, and runs that name neither", () => {
  const redOf = (files: TestFiles | undefined, failure?: string) => redTestsOf("/root", 5, files, failure);
  expect(redOf([file("passed", passed)])).toEqual([]);
  expect(redOf([file("failed", passed, failed)], "code 1")).toEqual([red("queue > is fair", "Error: 1\n{ seed: 7 }")]);
  expect(redOf([file("failed")], "code 1")).toEqual([red("the file", "no module")]);
  expect(redOf([file("passed", passed)], "code 1")).toEqual([red("the run", "code 1", 5, "")]);
  expect(redOf(undefined)).toEqual([red("the run", "vitest wrote no report", 5, "")]);
});

it("counts how often each test was red, with the seed of its first time", () => {
  const [a, b] = [red("a", "", 10), red("b", "", 11)];
  const all = [a, red("a", "", 11), b, red("b", "", 12), red("b", "", 14)];
  expect(everRed(all)).toEqual([
    { ...b, times: 3 },
    { ...a, times: 2 },
  ]);
});

it("pauses test processes and daemons in other groups, not vitest's main process", () => {
  const entry = (pid: number, parentPid: number, groupId: number) => ({
    pid,
    parentPid,
    groupId,
    startedAt: "0",
    command: "",
  });
  const table = [entry(1, 0, 1), entry(10, 1, 10), entry(11, 10, 10), entry(12, 11, 12), entry(20, 1, 20)];
  const random = createRandom(1);
  expect(new Set(Array.from({ length: 50 }, () => pausable(table, 10, random)))).toEqual(new Set([11, 12]));
  expect(pausable(table, 20, random)).toBeUndefined();
  const terminal = { ...entry(21, 20, 21), command: "script --quiet" };
  expect(pausable([...table, terminal, entry(22, 21, 22)], 20, random)).toBe(21);
});
