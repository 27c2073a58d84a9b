// Tests .ci/run with programs that only record how they are called: every stage runs, and a stage that does not run is a failure.
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";
import { execa } from "execa";
import { afterEach, beforeEach, expect, it } from "vitest";

const read = (path: string): string => readFileSync(repositoryPath(path), "utf8");
const manifest = JSON.parse(read("package.json")) as {
  readonly packageManager: string;
  readonly scripts: Readonly<Record<string, string>>;
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-ci-run-"));
  mkdirSync(join(folder, "checkout/.ci"), { recursive: true });
  copyFileSync(repositoryPath(".ci/run"), join(folder, "checkout/.ci/run"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs .ci/run with a fake `npx`, which writes a report of one passed test for each test script except `without`. */
async function runStages(without?: string) {
  const programs = join(folder, "programs");
  mkdirSync(programs);
  const report = `echo '{"numPassedTests": 1, "numFailedTests": 0, "testResults": []}' >"$WAGGLE_TEST_REPORT"`;
  const npx = [
    "#!/bin/sh",
    `echo "npx $*" >>"${folder}/calls"`,
    `if [ -n "$WAGGLE_TEST_REPORT" ] && [ "$3" != "${without}" ]; then ${report}; fi`,
  ];
  writeFileSync(join(programs, "npx"), `${npx.join("\n")}\n`);
  const others = ["apt-get", "g++", "chromium", "nats-server", "caddy"];
  for (const name of others) writeFileSync(join(programs, name), "#!/bin/sh\n");
  for (const name of ["npx", ...others]) chmodSync(join(programs, name), 0o755);
  const cwd = join(folder, "checkout");
  await execa("git", ["init", "--quiet"], { cwd });
  const path = [programs, dirname(process.execPath), process.env["PATH"]].join(":");
  const { all, exitCode } = await execa("bash", [".ci/run"], { cwd, env: { PATH: path }, all: true, reject: false });
  const calls = readFileSync(join(folder, "calls"), "utf8").split("\n");
  return { all, exitCode, calls };
}

it("runs the README's test command, and each test script", async () => {
  const { all, calls } = await runStages();
  const command = `npx --yes ${manifest.packageManager} test`;
  expect(read("README.md")).toContain(`\n${command}\n`);
  expect(calls).toContain(command);
  const byHand = ["test:watch", "test:long"];
  const scripts = Object.keys(manifest.scripts).filter((name) => name.startsWith("test") && !byHand.includes(name));
  expect(scripts.length).toBeGreaterThan(3);
  expect(scripts.filter((name) => !calls.includes(`npx --yes ${manifest.packageManager} ${name}`))).toEqual([]);
  expect(all).toMatch(/^\d+ passed, \d failed$/m);
});

it("compiles the addon before the tests, which need it", async () => {
  const { calls } = await runStages();
  const at = (words: string): number => calls.indexOf(`npx --yes ${manifest.packageManager} ${words}`);
  expect(at("xtask engine:build")).toBeGreaterThan(0);
  expect(at("xtask engine:build")).toBeLessThan(at("test"));
  expect(read(".ci/run")).toContain("\nexport WAGGLE_ADDON=required\n");
});

it("fails when the tests of a stage did not run", async () => {
  const { all, exitCode } = await runStages("test:attacks");
  expect(all).toMatch(/^FAILED test:attacks /m);
  expect(exitCode).toBe(1);
});

it("fails when the time is over before a stage begins, and names each stage that did not run", async () => {
  const script = join(folder, "checkout/.ci/run");
  writeFileSync(script, read(".ci/run").replace('item "build"', 'deadline_s=0\nitem "build"'));
  const { all, exitCode, calls } = await runStages();
  expect(calls.at(-2)).toBe(`npx --yes ${manifest.packageManager} test`);
  for (const stage of ["build", "test:browser", "pack:check", "worker:test", "test:attacks"]) {
    expect(all).toMatch(new RegExp(`^FAILED ${stage}`, "m"));
  }
  expect(exitCode).toBe(1);
});
