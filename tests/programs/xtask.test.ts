// Tests the list of xtask's commands.
import { repositoryPath } from "@waggle/testing/harness";
import { execa } from "execa";
import { expect, it } from "vitest";

const xtask = (...args: string[]) =>
  execa(process.execPath, ["--import", "tsx", "tools/xtask/src/main.ts", ...args], {
    cwd: repositoryPath(""),
    reject: false,
  });

it("lists its commands, and the parts of check", async () => {
  const { stdout } = await xtask();
  for (const name of ["worker:test", "check", "docs", "pack", "engine:build", "model"])
    expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
  const { stdout: parts } = await xtask("check", "--help");
  for (const name of ["docs", "package"]) expect(parts).toMatch(new RegExp(`^ {2}${name} `, "m"));
  const { stderr, exitCode } = await xtask("check", "dcs");
  expect(stderr).toBe("xtask: Unknown command 'check dcs'. (xtask check --help says more.)");
  expect(exitCode).toBe(64);
});
