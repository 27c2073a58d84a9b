// Owns the command worker:hostile: its options, what it prints, its exit code, and that nothing it started outlives it.
import { randomInt } from "node:crypto";
import { createLeftoverCheck, createProcessGroups } from "@waggle/harness";
import type { Command as Program } from "commander";
import { runHostile, type HostileOptions } from "../lib/hostile/run.ts";
import { hostileFailures, type HostileFigures } from "../lib/hostile/verdict.ts";
import { onEnding } from "../lib/signals.ts";

interface Flags {
  readonly minutes: string;
  readonly controlMinutes?: string;
  readonly seed?: string;
  readonly json?: true;
  readonly workerFlags: string;
}

export function addWorkerHostile(program: Program): void {
  program
    .command("worker:hostile")
    .description("attack a worker with all that a client may send, beside honest streams that must not notice")
    .option("--minutes <n>", "length of the run with 16 attackers", "30")
    .option("--control-minutes <n>", "length of the run before it, with 16 well-behaved clients (default: the same)")
    .option("--seed <n>", "repeat the order of an earlier run (default: a random one, which is shown)")
    .option("--json", "print one JSON object and nothing else on stdout")
    .option("--worker-flags <json>", "further flags of the worker, as a JSON array", "[]")
    .action(workerHostile);
}

async function workerHostile(flags: Flags): Promise<void> {
  const groups = createProcessGroups("xtask");
  const ending = onEnding(() => groups.killAll());
  const leftovers = createLeftoverCheck();
  const say = (line: string): void => void (flags.json ? process.stderr : process.stdout).write(`${line}\n`);
  try {
    const seed = numberOf("--seed", flags.seed ?? String(randomInt(1_000_000)));
    const minutes = numberOf("--minutes", flags.minutes);
    const controlMinutes = numberOf("--control-minutes", flags.controlMinutes ?? flags.minutes);
    const shared: Omit<HostileOptions, "kind" | "minutes"> = {
      ...{ groups, leftovers, seed, progress: say, interrupted: ending.signal },
      workerFlags: JSON.parse(flags.workerFlags) as string[],
    };
    const control = await runHostile({ ...shared, kind: "control", minutes: controlMinutes });
    const hostile = await runHostile({ ...shared, kind: "hostile", minutes });
    groups.killAll();
    const left = await leftovers.check();
    const failures = [
      ...hostileFailures([control, hostile]),
      ...left.processes.map(({ pid, command }) => `Process ${pid} did not leave: ${command}`),
      ...left.ports.map((port) => `Port ${port} is still bound`),
    ];
    if (flags.json)
      process.stdout.write(`${JSON.stringify({ ok: failures.length === 0, seed, failures, control, hostile })}\n`);
    else show(say, [control, hostile], failures, seed);
    process.exitCode = failures.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`worker:hostile: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = ending.exitCode ?? 64;
  } finally {
    groups.killAll();
    ending.dispose();
  }
}

function show(
  say: (line: string) => void,
  runs: readonly HostileFigures[],
  failures: readonly string[],
  seed: number,
): void {
  for (const { kind, worker, engine, answers, failures: _, ...figures } of runs) {
    say(`\n${kind}`);
    for (const [name, value] of Object.entries(figures)) say(`  ${name.padEnd(24)}${value}`);
    for (const [name, { start_mib: start, max_mib: max, end_mib: end, growth }] of Object.entries({ worker, engine })) {
      say(`  ${`${name} RSS`.padEnd(24)}${start} MiB at first, ${max} at most, ${end} at last, growth ${growth}`);
    }
    say(
      `  ${"answers".padEnd(24)}${Object.entries(answers)
        .map(([status, count]) => `${status}: ${count}`)
        .join(", ")}`,
    );
  }
  say("");
  for (const failure of failures) say(`✗ ${failure}`);
  say(`${failures.length === 0 ? "PASSED" : "FAILED"}, seed ${seed}`);
}

function numberOf(flag: string, text: string): number {
  const value = Number(text);
  if (!(value >= 0)) throw new Error(`Cannot use ${flag} ${text}: it must be a number, 0 or more`);
  return value;
}
