// Owns one run of vitest whose processes are paused at random: the pauses, and the end of each process that it leaves.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { sleep, withTimeout } from "@waggle/async";
import type { JsonTestResults } from "vitest/node";
import { createRandom, type Random } from "../harness/figures/random.ts";
import { wayOut } from "../harness/processes/daemon.ts";
import { createLeftoverCheck, endLeftovers, type LeftoverCheck } from "../harness/processes/leftovers.ts";
import { killGroup, signalProcess, type ProcessGroups } from "../harness/processes/process-group.ts";
import { familyOf, listProcesses, type ProcessEntry } from "../harness/processes/processes.ts";
import { repositoryPath } from "../harness/processes/repository.ts";
import { redTestsOf, type RedTest } from "./red-tests.ts";

/** Far above the time of the suite under load: only a run that hangs takes as long. */
const runLimitMs = 14_400_000;

/** @param args flags and filters of vitest @param pauseMs the longest pause; 0 for none @param folder for the report and the log */
export async function runLoaded(
  groups: ProcessGroups,
  { seed, args, pauseMs, folder }: { seed: number; args: readonly string[]; pauseMs: number; folder: string },
): Promise<{ readonly red: readonly RedTest[]; readonly tests: number; readonly left: readonly string[] }> {
  const [root, report, log] = [repositoryPath(""), `${folder}/${seed}.json`, [] as string[]];
  const add = (line: string): void => void log.push(line);
  const vitest = await groups.start({
    name: "vitest",
    command: [process.execPath, `${root}node_modules/vitest/vitest.mjs`, "run", ...args],
    cwd: root,
    env: { ...process.env, WAGGLE_PROPERTY_SEED: `${seed}`, WAGGLE_TEST_REPORT: report, TMPDIR: `${folder}/t` },
    onStdoutLine: add,
    onLogLine: add,
  });
  const [ended, leftovers] = [new AbortController(), createLeftoverCheck()];
  const pausing = pauseAtRandom(vitest.pid, createRandom(seed, "pauses"), pauseMs, leftovers, ended.signal);
  const way = await withTimeout(vitest.exited, runLimitMs, "").then(wayOut, () => "hangs");
  ended.abort();
  await pausing;
  killGroup(vitest.pid);
  const left = endLeftovers(await leftovers.check());
  writeFileSync(`${folder}/${seed}.log`, log.join("\n"));
  const json = existsSync(report) ? readFileSync(report, "utf8") : "{}";
  const { testResults, numTotalTests: tests = 0 } = JSON.parse(json) as Partial<JsonTestResults>;
  const failure = way.endsWith(" 0") ? undefined : [`vitest ${way}`, ...log.slice(-12)].join("\n");
  return { red: redTestsOf(root, seed, testResults, failure), tests, left };
}

/** Waits for a random time, stops a random process for a random time, and so on until the signal aborts. */
async function pauseAtRandom(
  leader: number,
  random: Random,
  mostMs: number,
  leftovers: LeftoverCheck,
  signal: AbortSignal,
): Promise<void> {
  const wait = (): Promise<void> => sleep(random.between(1, mostMs || 1_000), { signal }).catch(() => {});
  while (!signal.aborted) {
    await wait();
    await leftovers.observe([leader]);
    const pid = pausable(await listProcesses(), leader, random);
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    // Our SIGCONT would wake a process that a test has stopped.
    if (mostMs === 0 || signal.aborted || pid === undefined || /\) T [^)]*$/.test(stat)) continue;
    const wake = (): void => signalProcess(pid, "SIGCONT");
    // A second Ctrl-C exits at once.
    process.once("exit", wake);
    signalProcess(pid, "SIGSTOP");
    await wait();
    wake();
    process.off("exit", wake);
  }
}

/** A random descendant of vitest. Not vitest's main process: it runs no test, and its limits for test processes would pass while it sleeps. */
function pausable(table: readonly ProcessEntry[], leader: number, random: Random): number | undefined {
  // The program of a test's terminal stops with its child, and no process would continue it.
  const isTerminal = ({ command }: ProcessEntry): boolean => command.startsWith("script ");
  const [family, terminals] = [familyOf(table, [leader]), table.filter(isTerminal).map(({ pid }) => pid)];
  const others = family.filter(({ pid, parentPid }) => pid !== leader && !terminals.includes(parentPid));
  return others.length === 0 ? undefined : random.pick(others).pid;
}
