// Owns the command worker:chaos: its options, what it prints and its exit code.
import { randomInt } from "node:crypto";
import { createLeftoverCheck } from "@waggle/harness";
import type { Command as Program } from "commander";
import { chaosGroups, runChaos, type ChaosOptions } from "../lib/chaos/run.ts";
import { createChaosReport } from "../lib/chaos/show.ts";
import { nowhere } from "../lib/report.ts";
import { integerOf, mostSeed } from "../lib/options.ts";
import { guarded } from "../lib/signals.ts";

interface Flags {
  readonly only?: readonly string[];
  readonly seed?: string;
  readonly long?: true;
  readonly json?: true;
  readonly workerFlags: string;
}

export function addWorkerChaos(program: Program): void {
  program
    .command("worker:chaos")
    .description(
      "break clients, engines, hives and workers while streams run, and check that every stream still ends as it must",
    )
    .option("--only <group...>", `run these groups alone: ${chaosGroups.map(({ name }) => name).join(", ")}`)
    .option("--seed <n>", "repeat the chances of an earlier run (default: a random one, which is shown)")
    .option("--long", "soak: many more rounds, for half an hour or so")
    .option("--json", "print one JSON object and nothing else")
    // For tests of this test: a worker that is set up to break a rule.
    .addOption(program.createOption("--worker-flags <json>", "").default("[]").hideHelp())
    .action(workerChaos);
}

function workerChaos(flags: Flags): Promise<void> {
  return guarded("worker:chaos", async (groups, ending) => {
    const report = createChaosReport(flags.json ? nowhere : process.stdout);
    const options: ChaosOptions = {
      only: flags.only ?? [],
      seed: flags.seed === undefined ? randomInt(mostSeed) : integerOf("--seed", flags.seed, 0, mostSeed),
      long: flags.long === true,
      workerFlags: JSON.parse(flags.workerFlags) as readonly string[],
      groups,
      leftovers: createLeftoverCheck(),
      interrupted: ending.signal,
    };
    const result = await runChaos(options, report);
    if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    process.exitCode = result.ok ? 0 : 1;
  });
}
