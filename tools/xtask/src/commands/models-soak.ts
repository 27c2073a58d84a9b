// Owns the command models:soak: its options, what it prints and its exit code.
import { randomInt } from "node:crypto";
import { createLeftoverCheck, endLeftovers } from "@waggle/harness";
import type { Command as Program } from "commander";
import { soakReport, swapReport } from "../lib/models/report.ts";
import { runSoak } from "../lib/models/soak.ts";
import { runSwap } from "../lib/models/swap.ts";
import { integerOf, mostSeed } from "../lib/options.ts";
import { guarded } from "../lib/signals.ts";

interface Flags {
  readonly requests: string;
  readonly streams: string;
  readonly clients: string;
  readonly memoryBudget?: true;
  readonly swap?: true;
  readonly seed?: string;
}

const mostRequests = 1_000_000;
const mostClients = 256;

export function addModelsSoak(program: Program): void {
  program
    .command("models:soak")
    .description("ask four models at random of a worker that has memory for two, and kill an engine midway")
    .option("--requests <n>", "how many, of which a fifth is aborted", "1000")
    .option("--clients <n>", "how many ask at the same time", "16")
    .option("--memory-budget", "hold the worker to the memory of the two largest models, instead of to two models")
    .option("--swap", "instead: streams of one model, whose file is swapped under them")
    .option("--streams <n>", "how many with --swap", "200")
    .option("--seed <n>", "repeat the order of an earlier run (default: a random one, which is shown)")
    .action(modelsSoak);
}

function modelsSoak(flags: Flags): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  return guarded("models:soak", async (groups, ending) => {
    const seed = integerOf("--seed", flags.seed ?? String(randomInt(1_000_000)), 0, mostSeed);
    const clients = integerOf("--clients", flags.clients, 1, mostClients);
    const requests = integerOf("--requests", flags.requests, 1, mostRequests);
    const streams = integerOf("--streams", flags.streams, 1, mostRequests);
    const leftovers = createLeftoverCheck();
    const shared = { groups, leftovers, clients, interrupted: ending.signal };
    const limit = flags.memoryBudget === true ? "memory" : "models";
    const { failures: found, lines } =
      flags.swap === true
        ? swapReport(await runSwap({ ...shared, streams }))
        : soakReport(await runSoak({ ...shared, requests, seed, limit, progress: say }));
    groups.killAll();
    const failures = [...found, ...endLeftovers(await leftovers.check())];
    for (const line of lines) say(line);
    for (const failure of failures) say(`✗ ${failure}`);
    say(`${failures.length === 0 ? "PASSED" : "FAILED"}, seed ${seed}`);
    process.exitCode = failures.length === 0 ? 0 : 1;
  });
}
