// Measures throughput and latency of a worker under load, alone or in alternation with others: workers with another
// setting of the environment, and other servers.
import {
  generate,
  guarded,
  integerOf,
  namedOf,
  OptionError,
  showProgress,
  startWorker,
  withoutSettings,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command as Program } from "commander";
import { calibratePrompts } from "./worker/prompts.ts";
import { runBench } from "./worker/run-bench.ts";
import { scenarios } from "./worker/scenarios.ts";
import { headLine, rowLines } from "./worker/figures.ts";
import { methodOf, openTargets, type TargetAddress } from "./worker/target.ts";

interface Flags {
  readonly against?: readonly string[];
  readonly also?: readonly string[];
  readonly program?: string;
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
  readonly json?: true;
}

/** Time limit for loading the model: a large one takes minutes. */
const readyLimitMs = 600_000;

export function addWorker(command: Program): void {
  command
    .option(
      "--against <url...>",
      "other servers with the same model: OpenAI-compatible (their /v1/completions is used) or Waggle workers",
    )
    .option("--also <what...>", "compare with other workers: one with an environment variable NAME=value, or a program")
    .option("--program <file>", "program of the worker, such as that of a tarball (default: this checkout's source)")
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
    .option("--json", "print one JSON object and nothing else on stdout")
    .action(workerBench);
}

function workerBench(flags: Flags): Promise<void> {
  return guarded("bench worker", async (groups, ending) => {
    const plan = planOf(flags);
    const played = namedOf("Cannot play scenario", scenarios, flags.only);
    const say = flags.json ? (): void => {} : (line: string): void => void process.stdout.write(`${line}\n`);
    await using workers = await openWorkers(groups, plan, flags);
    const targets = await openTargets([...workers.addresses, ...(flags.against ?? []).map((url) => ({ url }))]);
    const [ours] = targets;
    // The server counts the tokens of each prompt; its answer of one token is not used.
    const prompts = await calibratePrompts(async (prompt) => {
      return (await generate(ours, { prompt, maxTokens: 1, seed: 1 }, ending)).promptTokens;
    });
    say(headLine(targets.map(({ name }) => name)));
    const rows = await runBench({
      ...plan,
      targets,
      scenarios: played,
      prompts,
      signal: ending.signal,
      onRow: (row) => rowLines(row).forEach(say),
      onPlay: showProgress,
    });
    const loads = rows.map(({ loadAverage }) => loadAverage);
    const method = methodOf(workers.model, plan.rounds, targets, loads);
    say(`\n${method}`);
    if (flags.json) process.stdout.write(`${JSON.stringify({ method, rows })}\n`);
  });
}

interface Workers extends AsyncDisposable {
  readonly addresses: readonly TargetAddress[];
  /** Name of the model. */
  readonly model: string;
}

/** Starts our worker unless its address is given, and the workers of --also. */
async function openWorkers(groups: ProcessGroups, { workerFlags }: Plan, flags: Flags): Promise<Workers> {
  const started: Worker[] = [];
  const addresses: TargetAddress[] = flags.url === undefined ? [] : [{ url: flags.url }];
  for (const change of [...(flags.url === undefined ? [undefined] : []), ...(flags.also ?? [])]) {
    const [, variable, value] = /^(\w+)=(.*)$/.exec(change ?? "") ?? [];
    const program = variable === undefined ? (change ?? flags.program) : flags.program;
    if (program !== undefined && !existsSync(program))
      throw new OptionError(`Cannot run ${program}: there is no such file`);
    const worker = await startWorker(groups, {
      ...{ flags: workerFlags, readyLimitMs },
      ...(program === undefined ? {} : { command: [process.execPath, resolve(program)] }),
      env: { ...withoutSettings(process.env), ...(variable === undefined ? {} : { [variable]: value }) },
    });
    started.push(worker);
    addresses.push({ url: worker.url, ...(change === undefined ? {} : { change }) });
  }
  return {
    addresses,
    model: (await started[0]?.line("ready"))?.model ?? "the server's",
    async [Symbol.asyncDispose]() {
      for (const worker of started) await worker[Symbol.asyncDispose]();
    },
  };
}

type Plan = ReturnType<typeof planOf>;

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
