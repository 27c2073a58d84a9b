// Measures throughput and latency of a worker under load, alone or in alternation with another server.
import {
  generate,
  guarded,
  integerOf,
  namedOf,
  repositoryPath,
  showProgress,
  startWorker,
  type Command,
} from "@waggle/testing/harness";
import type { Command as Program } from "commander";
import { calibratePrompts } from "./worker/prompts.ts";
import { runBench } from "./worker/run-bench.ts";
import { scenarios } from "./worker/scenarios.ts";
import { headLine, rowLines } from "./worker/figures.ts";
import { methodOf, openTarget } from "./worker/target.ts";

interface Flags {
  readonly against?: string;
  readonly url?: string;
  readonly model?: string;
  readonly backend?: string;
  readonly slots: string;
  readonly threads?: string;
  readonly contextSize?: string;
  readonly contextPool?: string;
  readonly rounds: string;
  readonly concurrency: string;
  readonly maxTokens: string;
  readonly only?: readonly string[];
  readonly built?: true;
  readonly json?: true;
}

/** Time limit for loading the model: a large one takes minutes. */
const readyLimitMs = 600_000;
const built: Command = [process.execPath, repositoryPath("apps/worker/dist/main.js")];

export function addWorker(command: Program): void {
  command
    .option(
      "--against <url>",
      "another server with the same model: OpenAI-compatible (its /v1/completions is used) or a Waggle worker",
    )
    .option("--url <url>", "measure this worker instead of starting one")
    .option("--model <path>", "the worker's model (default: the embedded one)")
    .option("--backend <name>", "llama, or fake to measure everything except the computing")
    .option("--slots <n>", "the worker's slots", "8")
    .option("--threads <n>", "the worker's threads (default: its own choice)")
    .option("--context-size <tokens>", "most tokens of one job (default: the worker's choice)")
    .option("--context-pool <tokens>", "most tokens of all jobs together (default: the worker's choice)")
    .option("--rounds <n>", "rounds of each case; medians are shown", "5")
    .option("--concurrency <list>", "numbers of parallel streams", "1,2,4,8,16,32")
    .option("--max-tokens <n>", "tokens of each answer", "96")
    .option("--only <scenario...>", `play only these: ${scenarios.map(({ name }) => name).join(", ")}`)
    .option("--built", "run the worker from its build instead of its source")
    .option("--json", "print one JSON object and nothing else on stdout")
    .action(workerBench);
}

function workerBench(flags: Flags): Promise<void> {
  return guarded("bench worker", async (groups, ending) => {
    const plan = planOf(flags);
    const played = namedOf("Cannot play scenario", scenarios, flags.only);
    const say = flags.json ? (): void => {} : (line: string): void => void process.stdout.write(`${line}\n`);
    const command = flags.built ? { command: built } : {};
    await using worker =
      flags.url === undefined
        ? await startWorker(groups, { flags: plan.workerFlags, readyLimitMs, ...command })
        : undefined;
    const ours = await openTarget("waggle", worker?.url ?? flags.url ?? "");
    const theirs = flags.against === undefined ? undefined : await openTarget("other", flags.against);
    // The server counts the tokens of each prompt; its answer of one token is not used.
    const prompts = await calibratePrompts(async (prompt) => {
      return (await generate(ours, { prompt, maxTokens: 1, seed: 1 }, ending)).promptTokens;
    });
    say(headLine(ours.name, theirs?.name));
    const rows = await runBench({
      ...plan,
      targets: theirs === undefined ? [ours] : [ours, theirs],
      scenarios: played,
      prompts,
      signal: ending.signal,
      onRow: (row) => rowLines(row, theirs !== undefined).forEach(say),
      onPlay: showProgress,
    });
    const model = worker === undefined ? "the server's" : (await worker.line("ready")).model;
    const loads = rows.map(({ loadAverage }) => loadAverage);
    const method = methodOf(model, plan.rounds, ours, theirs, loads);
    say(`\n${method}`);
    if (flags.json) process.stdout.write(`${JSON.stringify({ method, rows })}\n`);
  });
}

function planOf(flags: Flags) {
  const slots = integerOf("--slots", flags.slots, 1, 64);
  const given = (flag: string, value: string | undefined): string[] => (value === undefined ? [] : [flag, value]);
  return {
    slots,
    rounds: integerOf("--rounds", flags.rounds, 1, 1_000),
    maxTokens: integerOf("--max-tokens", flags.maxTokens, 1, 100_000),
    concurrency: flags.concurrency.split(",").map((text) => integerOf("--concurrency", text, 1, 1_024)),
    workerFlags: [
      ...["--slots", String(slots)],
      ...given("--model", flags.model),
      ...given("--backend", flags.backend),
      ...given("--threads", flags.threads),
      ...given("--context-size", flags.contextSize),
      ...given("--context-pool", flags.contextPool),
    ],
  };
}
