import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { WaggleError } from "@waggle/protocol";
import { failureOf } from "./cli-error.ts";

it("an error of the file system names the path and the reason, in our words", () => {
  const folder = `/tmp/${"x".repeat(300)}`;
  for (const [path, reason] of [
    [folder, "its name is too long"],
    ["/no/such", "no such file"],
  ] as const) {
    let failed: unknown;
    try {
      readdirSync(path);
    } catch (error) {
      failed = error;
    }
    expect(failureOf(failed)).toEqual({ message: `Cannot use ${path}: ${reason}`, exitCode: 1 });
  }
  expect(failureOf(new Error("It broke."))).toEqual({ message: "It broke.", exitCode: 1 });
});

it("a model that the worker does not know has the exit code of a missing file", () => {
  const failed = new WaggleError("not_found", 'Cannot find model "bee": this worker has no models.');
  expect(failureOf(failed).exitCode).toBe(66);
  expect(failureOf(new WaggleError("not_found", "Cannot find job j1: unknown or forgotten.")).exitCode).toBe(1);
});
