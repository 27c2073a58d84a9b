import { expect, it } from "vitest";
import { redTestsOf, type TestFiles } from "./red-tests.ts";

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
