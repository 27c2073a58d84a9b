// Owns the command worker:chaos: its options, what it prints and its exit code.
import { randomInt } from "node:crypto";
import { createLeftoverCheck, endLeftovers, messageOf, type ProcessGroups } from "@waggle/harness";
import type { Command as Program } from "commander";
import { fleetScenarios } from "../lib/fleet/scenarios.ts";
import { chaosGroups, runChaos, type ChaosOptions } from "../lib/chaos/run.ts";
import { createChaosReport } from "../lib/chaos/show.ts";
import { nowhere } from "../lib/report.ts";
import { integerOf, mostSeed, namedOf } from "../lib/options.ts";
import { guarded } from "../lib/signals.ts";

interface Flags {
  readonly only?: readonly string[];
  readonly seed?: string;
  readonly long?: true;
  readonly json?: true;
  readonly fleet?: true;
  readonly requests: string;
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
    .option(
      "--fleet",
      `instead: break workers, gateways and nats-server of a fleet; the groups are ${fleetScenarios.map(({ name }) => name).join(", ")}`,
    )
    .option("--requests <n>", "in parallel, with --fleet", "500")
    .option("--json", "print one JSON object and nothing else")
    // For tests of this test: a worker that is set up to break a rule.
    .addOption(program.createOption("--worker-flags <json>", "").default("[]").hideHelp())
    .action(workerChaos);
}

function workerChaos(flags: Flags): Promise<void> {
  return guarded("worker:chaos", async (groups, ending) => {
    if (flags.fleet === true) return await fleetChaos(flags, groups, ending.signal);
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

const mostRequests = 2_000;

async function fleetChaos(flags: Flags, groups: ProcessGroups, interrupted: AbortSignal): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const seed = integerOf("--seed", flags.seed ?? String(randomInt(1_000_000)), 0, mostSeed);
  const requests = integerOf("--requests", flags.requests, 1, mostRequests);
  const leftovers = createLeftoverCheck();
  let failed = false;
  for (const { name, what, run } of namedOf("Cannot run", fleetScenarios, flags.only)) {
    interrupted.throwIfAborted();
    say(`${name}: ${what}`);
    const problems = await run({ groups, requests, seed, interrupted, progress: (line) => say(`  ${line}`) }).catch(
      (error: unknown) => [messageOf(error)],
    );
    for (const problem of problems) say(`  ✗ ${problem}`);
    if (problems.length === 0) say("  ✓ all holds");
    failed ||= problems.length > 0;
  }
  groups.killAll();
  const left = endLeftovers(await leftovers.check());
  for (const line of left) say(`✗ ${line}`);
  failed ||= left.length > 0;
  say(`${failed ? "FAILED" : "PASSED"}, seed ${seed}`);
  process.exitCode = failed ? 1 : 0;
}
