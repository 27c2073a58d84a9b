// Owns the command tests:steady: its options, what it prints and its exit code.
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Command as Program } from "commander";
import { integerOf, mostSeed } from "../harness/command-line/options.ts";
import { showProgress } from "../harness/command-line/progress-line.ts";
import { packageManager, repositoryPath } from "../harness/processes/repository.ts";
import { guarded } from "../harness/processes/signals.ts";
import { stopwatch, times } from "../harness/wait.ts";
import { runLoaded } from "./loaded-run.ts";
import { everRed, type RedTest } from "./red-tests.ts";

type Flags = { readonly changed?: string | true } & Readonly<
  Record<"load" | "pauseMs", string> & Partial<Record<"runs" | "seed", string>>
>;

/** Runs until its parent ends, also when that is killed. */
const loop = "const parent = process.ppid; while (process.ppid === parent) for (let i = 0; i < 1e7; i += 1);";

export function addTestsSteady(command: Program): void {
  command
    .argument("[paths...]", "test files or folders (default: what `test` runs)")
    .option("--runs <n>", "number of runs (default: 3; 20 with --changed)")
    .option("--changed [base]", "only test files changed since a commit (default: origin/main)")
    .option("--load <n>", "number of busy loops", "4")
    .option("--pause-ms <ms>", "longest pause of a test process or a daemon; 0 for none", "2000")
    .option("--seed <n>", "seed of the first run, to repeat it; later runs count up (default: random)")
    .action(testsSteady);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function testsSteady(paths: readonly string[], { changed, ...flags }: Flags): Promise<void> {
  const runs = integerOf("--runs", flags.runs ?? (changed === undefined ? "3" : "20"), 1, 1_000);
  const loops = integerOf("--load", flags.load, 0, 256);
  const pauseMs = integerOf("--pause-ms", flags.pauseMs, 0, 60_000);
  const first = integerOf("--seed", flags.seed ?? `${randomInt(mostSeed - runs)}`, 0, mostSeed - runs);
  return guarded("tests:steady", async (groups, ending) => {
    const args = chosen(paths, changed === true ? "origin/main" : changed);
    if (args.length === 0) return say("PASSED: no test file has changed");
    say(`vitest run ${args.join(" ")}\n${loops} busy loops, pauses of up to ${pauseMs} ms`);
    const folder = mkdtempSync(`${tmpdir()}/steady-`);
    mkdirSync(`${folder}/t`);
    const found: RedTest[] = [];
    await times(loops, () => groups.start({ name: "load", command: [process.execPath, "-e", loop], env: process.env }));
    let run = 0;
    while (run < runs) {
      const [seed, ms] = [first + run, stopwatch()];
      const state = (): string => `run ${run + 1} of ${runs}  seed ${seed}  ${Math.round(ms() / 1_000)} s`;
      const progress = setInterval(() => showProgress(`${state()}  ${found.length} red before`), 1_000);
      const { red, tests, left } = await runLoaded(groups, { seed, args, folder, pauseMs });
      clearInterval(progress);
      showProgress("");
      // The signal has killed this run.
      if (ending.signal.aborted) break;
      found.push(...red);
      say(`${state()}  ${tests} tests  ${red.length} red`);
      for (const line of [...red.map(({ file, name }) => `${file} > ${name}`), ...left]) say(`  ${line}`);
      run += 1;
    }
    const ever = everRed(found);
    for (const { file, name, message, times: often, seed } of ever) {
      say(`\nred in ${often} of ${run} runs: ${file} > ${name}\n${message.replaceAll(/^/gm, "  ")}`);
      say(`  repeat: npx --yes ${packageManager} xtask tests:steady --runs 1 --seed ${seed} ${file || args.join(" ")}`);
    }
    rmSync(ever.length === 0 ? folder : `${folder}/t`, { recursive: true, force: true, maxRetries: 3 });
    if (ever.length > 0) say(`FAILED: ${ever.length} tests were red; reports and logs are in ${folder}`);
    else say(run < runs ? `INTERRUPTED after ${run} runs` : "PASSED");
    process.exitCode = ending.exitCode ?? (ever.length === 0 ? 0 : 1);
  });
}

/** Flags and filters of vitest. Changed helpers do not count, because most of the suite uses one: name their tests. */
function chosen(paths: readonly string[], base: string | undefined): readonly string[] {
  const cwd = repositoryPath("");
  if (base !== undefined) {
    const git = (...words: readonly string[]): string[] =>
      execFileSync("git", [...words, "--", ...paths], { cwd, encoding: "utf8" }).split("\n");
    const changed = git("diff", "--name-only", "--diff-filter=d", "--merge-base", base);
    const added = git("ls-files", "--others", "--exclude-standard");
    return [...changed, ...added].filter((file) => /\.test\.tsx?$/.test(file));
  }
  if (paths.length > 0) return paths;
  const { scripts } = JSON.parse(readFileSync(`${cwd}package.json`, "utf8")) as { scripts: { test: string } };
  return scripts.test.replace("vitest run ", "").split(" ");
}
