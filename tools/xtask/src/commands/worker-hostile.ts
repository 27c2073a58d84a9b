// Owns the command worker:hostile: its options, what it prints and its exit code.
import { randomInt } from "node:crypto";
import { createLeftoverCheck, endLeftovers } from "@waggle/harness";
import type { Command as Program } from "commander";
import { runHostile } from "../lib/hostile/run.ts";
import { hostileFailures } from "../lib/hostile/verdict.ts";
import { integerOf, mostSeed, numberOf } from "../lib/options.ts";
import { guarded } from "../lib/signals.ts";

interface Flags {
  readonly minutes: string;
  readonly controlMinutes?: string;
  readonly seed?: string;
  readonly json?: true;
  readonly workerFlags: string;
}

const mostMinutes = 1_440;

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

function workerHostile(flags: Flags): Promise<void> {
  const say = (line: string): void => void (flags.json ? process.stderr : process.stdout).write(`${line}\n`);
  return guarded("worker:hostile", async (groups, ending) => {
    const seed = integerOf("--seed", flags.seed ?? String(randomInt(1_000_000)), 0, mostSeed);
    const minutes = numberOf("--minutes", flags.minutes, 0, mostMinutes);
    const controlMinutes = numberOf("--control-minutes", flags.controlMinutes ?? flags.minutes, 0, mostMinutes);
    const leftovers = createLeftoverCheck();
    const shared = {
      ...{ groups, leftovers, seed, progress: say, interrupted: ending.signal },
      workerFlags: JSON.parse(flags.workerFlags) as string[],
    };
    const control = await runHostile({ ...shared, kind: "control", minutes: controlMinutes });
    const hostile = await runHostile({ ...shared, kind: "hostile", minutes });
    groups.killAll();
    const failures = [...hostileFailures(control, hostile), ...endLeftovers(await leftovers.check())];
    const ok = failures.length === 0;
    process.exitCode = ok ? 0 : 1;
    if (flags.json) return void process.stdout.write(`${JSON.stringify({ ok, seed, failures, control, hostile })}\n`);
    for (const { failures: _, ...figures } of [control, hostile]) {
      for (const [name, value] of Object.entries(figures)) say(`  ${name.padEnd(24)}${JSON.stringify(value)}`);
      say("");
    }
    for (const failure of failures) say(`✗ ${failure}`);
    say(`${ok ? "PASSED" : "FAILED"}, seed ${seed}`);
  });
}
