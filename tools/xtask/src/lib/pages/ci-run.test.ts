// Tests .ci/run with programs that only record how they are called: README's commands come first, on a bare machine; every stage runs, and a
// stage that does not run is a failure.
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { needs } from "@waggle/testing";
import { packageManager, repositoryPath } from "@waggle/testing/harness";
import { execa } from "execa";
import { beforeEach, describe, expect, it } from "vitest";

const read = (path: string): string => readFileSync(repositoryPath(path), "utf8");
const { scripts: allScripts } = JSON.parse(read("package.json")) as {
  readonly scripts: Readonly<Record<string, string>>;
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-ci-run-"));
  mkdirSync(join(folder, "checkout/.ci"), { recursive: true });
  for (const path of [".ci/run", "README.md"]) copyFileSync(repositoryPath(path), join(folder, "checkout", path));
});

/** Runs .ci/run with a fake `npx`, which writes a report of one passed test for each test script of the checkout except `without`. */
async function runStages(without?: string) {
  const programs = join(folder, "programs");
  mkdirSync(programs);
  // One file of each run has a test that lacks something.
  const file = `{\\"name\\": \\"$PWD/bee.test.ts\\", \\"assertionResults\\": [{\\"meta\\": {\\"missing\\": \\"honey\\"}}]}`;
  const result = `{\\"numPassedTests\\": 1, \\"numFailedTests\\": 0, \\"testResults\\": [${file}]}`;
  const report = `echo "${result}" >"$WAGGLE_TEST_REPORT"`;
  const npx = [
    "#!/bin/sh",
    `echo "npx $*" >>"${folder}/calls"`,
    `echo "$* in $PWD, home $HOME, PATH $PATH, CI $CI, addon $WAGGLE_ADDON" >>"${folder}/places"`,
    `if [ -n "$WAGGLE_TEST_REPORT" ] && [ "$3 $CI" != "${without} 1" ]; then ${report}; fi`,
  ];
  writeFileSync(join(programs, "npx"), `${npx.join("\n")}\n`);
  const others = ["apt-get", "dpkg-query", "dpkg", "g++", "chromium", "nats-server", "caddy"];
  for (const name of others) writeFileSync(join(programs, name), "#!/bin/sh\n");
  for (const name of ["npx", ...others]) chmodSync(join(programs, name), 0o755);
  const cwd = join(folder, "checkout");
  await execa("git", ["init", "--quiet"], { cwd });
  await execa("git", ["add", "."], { cwd });
  const author = ["-c", "user.name=bee", "-c", "user.email=bee@localhost"];
  await execa("git", [...author, "commit", "--quiet", "--message", "Made up"], { cwd });
  const path = [programs, dirname(process.execPath), process.env["PATH"]].join(":");
  const env = { PATH: path, WAGGLE_TEST_REPORT: undefined };
  const { all, exitCode } = await execa("bash", [".ci/run"], { cwd, env, all: true, reject: false });
  const linesOf = (name: string): string[] => readFileSync(join(folder, name), "utf8").trimEnd().split("\n");
  return { all, exitCode, calls: linesOf("calls"), places: linesOf("places") };
}

describe(".ci/run", needs("git"), () => {
  it("begins with README's two commands, on a machine that lacks what later stages install", async () => {
    const { all, places } = await runStages();
    const commands = ["xtask worker:test", "test"].map((words) => `--yes ${packageManager} ${words}`);
    for (const command of commands) expect(read("README.md")).toContain(`\n\`\`\`sh\nnpx ${command}\n\`\`\`\n`);
    const bare = /^(.+) in (\S+)\/bare\/clone, home \2\/bare\/home, PATH \2\/bare\/bin, CI , addon $/;
    expect(places.slice(0, 2).map((place) => bare.exec(place)?.[1])).toEqual(commands);
    expect(places.slice(2).filter((place) => !/, CI 1, addon (required)?$/.test(place))).toEqual([]);
    expect(all).toContain("--- README's commands leave nothing behind: ok");
  });

  it("fails when README's test command fails", async () => {
    const readme = join(folder, "checkout/README.md");
    writeFileSync(readme, read("README.md").replace(`${packageManager} test\n`, `${packageManager} test; exit 1\n`));
    const { all, exitCode } = await runStages();
    expect(all).toMatch(/^FAILED README: .* test; exit 1 with exit code 1/m);
    expect(exitCode).toBe(1);
  });

  it("runs each test script", async () => {
    const { all, calls } = await runStages();
    const byHand = ["test:watch", "test:long", "test:times"];
    const scripts = Object.keys(allScripts).filter((name) => name.startsWith("test:") && !byHand.includes(name));
    expect(scripts.length).toBeGreaterThan(3);
    const called = new Set(calls.map((call) => call.split(" ")[3]));
    expect(scripts.filter((name) => !called.has(name))).toEqual([]);
    expect(all).toMatch(/^\d+ passed, \d failed$/m);
  });

  it("runs the files again whose tests lacked something on the bare machine, with all that computes", async () => {
    const { calls } = await runStages();
    expect(calls).toContain(`npx --yes ${packageManager} test:addon bee.test.ts`);
  });

  it("tests the newest version of Node that README names; the weekly job tests all of them", async () => {
    const { calls } = await runStages();
    const [, tested = ""] = /Node ([\d, ]+ and \d+) are tested/.exec(read("README.md").replaceAll("\n", " ")) ?? [];
    const versions = tested.match(/\d+/g) ?? [];
    expect(versions).toHaveLength(4);
    expect(read(".github/workflows/ci.yaml")).toContain(`matrix: { node: [${versions.join(", ")}] }`);
    const start = `npx --yes -p node@${versions.at(-1)} node --import tsx tools/xtask/src/main.ts worker:test`;
    const serve = `${start} --worker-command ["node", "apps/cli/bin/waggle.js", "serve"]`;
    expect(calls).toEqual(expect.arrayContaining([start, serve]));
  });

  it("compiles the addon, and then requires it of all other tests", async () => {
    const { places } = await runStages();
    const built = places.findIndex((place) => place.includes(" xtask engine:build "));
    expect(built).toBeGreaterThan(1);
    const tests = places.slice(2).filter((place) => / test:\w+ /.test(place));
    expect(tests.length).toBeGreaterThan(3);
    expect(tests.filter((place) => places.indexOf(place) < built || !place.endsWith(" addon required"))).toEqual([]);
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
    expect(calls.at(-1)).toBe(`npx --yes ${packageManager} test:addon bee.test.ts`);
    for (const stage of ["build", "test:browser", "check package", "worker:test", "test:attacks"]) {
      expect(all).toMatch(new RegExp(`^FAILED ${stage}`, "m"));
    }
    expect(exitCode).toBe(1);
  });
});
