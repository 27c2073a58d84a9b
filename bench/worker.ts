// Measures throughput and latency of a worker under load, alone or in alternation with others: workers with another
// setting of the environment, and other servers.
import {
  generate,
  guarded,
  integerOf,
  namedOf,
  OptionError,
  repositoryPath,
  showProgress,
  startWorker,
  withoutSettings,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  decoderNamed,
  quantizations,
  scriptedPath,
  writeScriptedModel,
  type Quantization,
  type ScriptedModel,
} from "@waggle/testing/models";
import { Option, type Command as Program } from "commander";
import { integersOf } from "./lib/lists.ts";
import { bytePrompts, calibratePrompts } from "./worker/prompts.ts";
import { runBench } from "./worker/run-bench.ts";
import { scenarios } from "./worker/scenarios.ts";
import { headLine, rowLines } from "./worker/figures.ts";
import { methodOf, openTargets, type TargetAddress } from "./worker/target.ts";

interface Flags {
  readonly against?: readonly string[];
  readonly also?: readonly string[];
  readonly itself?: true;
  readonly program?: string;
  readonly url?: string;
  readonly model?: string;
  readonly scripted?: string;
  readonly quantization: Quantization;
  readonly backend?: string;
  readonly slots: string;
  readonly threads?: string;
  readonly contextSize?: string;
  readonly contextPool?: string;
  readonly rounds: string;
  readonly concurrency: string;
  readonly maxTokens: string;
  readonly joiningTokens: string;
  readonly heldTokens: string;
  readonly contextStreams: string;
  readonly contextTokens: string;
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
    .option("--itself", "compare with the same worker in a second process: a difference this small means nothing")
    .option("--program <file>", "program of the worker, such as that of a tarball (default: this checkout's source)")
    .option("--url <url>", "measure this worker instead of starting one")
    .option("--model <path>", "the worker's model (default: the embedded one)")
    .option("--scripted <shape>", "use the file of `xtask model script` for this shape, which it writes if necessary")
    .addOption(new Option("--quantization <type>", "types of its weights").choices(quantizations).default("Q4_K_M"))
    .option("--backend <name>", "llama, or fake to measure everything except the computing")
    .option("--slots <n>", "the worker's slots", "8")
    .option("--threads <n>", "the worker's threads (default: its own choice)")
    .option("--context-size <tokens>", "most tokens of one job (default: the worker's choice)")
    .option("--context-pool <tokens>", "most tokens of all jobs together (default: the worker's choice)")
    .option("--rounds <n>", "rounds of each case; medians are shown", "5")
    .option("--concurrency <list>", "numbers of parallel streams", "1,2,4,8,16,32")
    .option("--max-tokens <n>", "tokens of each answer", "96")
    .option("--joining-tokens <n>", "tokens of the prompt that joins running streams", "1900")
    .option("--held-tokens <list>", "tokens of the prompts of these running streams", "32,1000")
    .option("--context-streams <list>", "numbers of streams with long contexts", "1,4,8")
    .option("--context-tokens <list>", "tokens of their prompts", "1000,4000")
    .option("--only <scenario...>", `play only these: ${scenarios.map(({ name }) => name).join(", ")}`)
    .option("--json", "print one JSON object and nothing else on stdout")
    .action(workerBench);
}

function workerBench(flags: Flags): Promise<void> {
  return guarded("bench worker", async (groups, ending) => {
    const scripted = flags.scripted === undefined ? undefined : openScripted(flags.scripted, flags.quantization);
    const plan = planOf(scripted === undefined ? flags : { ...flags, model: scripted.path });
    const played = namedOf("Cannot play scenario", scenarios, flags.only);
    const say = flags.json ? (): void => {} : (line: string): void => void process.stdout.write(`${line}\n`);
    await using workers = await openWorkers(groups, plan, flags);
    const targets = await openTargets([...workers.addresses, ...(flags.against ?? []).map((url) => ({ url }))]);
    const [ours] = targets;
    // The server counts the tokens of each prompt; its answer of one token is not used.
    const countTokens = async (prompt: string): Promise<number> =>
      (await generate(ours, { prompt, maxTokens: 1, seed: 1 }, ending)).promptTokens;
    const prompts = scripted === undefined ? await calibratePrompts(countTokens) : bytePrompts;
    say(headLine(targets.map(({ name }) => name)));
    const rows = await runBench({
      ...plan,
      ...{ targets, scripted },
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

/** @throws Error for an unknown shape */
function openScripted(name: string, quantization: Quantization): ScriptedModel {
  const shape = decoderNamed(name);
  const model = writeScriptedModel({
    ...{ path: repositoryPath(scriptedPath(shape, quantization)), shape, quantization },
    onProgress: (share) => showProgress(`Writing the model: ${(100 * share).toFixed(0)} %`),
  });
  showProgress("");
  return model;
}

const sameAgain = "the same again";

/** Starts our worker unless its address is given, and the workers of --itself and --also. */
async function openWorkers(groups: ProcessGroups, { workerFlags }: Plan, flags: Flags): Promise<Workers> {
  const started: Worker[] = [];
  const addresses: TargetAddress[] = flags.url === undefined ? [] : [{ url: flags.url }];
  const changes = [
    ...(flags.url === undefined ? [undefined] : []),
    ...(flags.itself === true ? [sameAgain] : []),
    ...(flags.also ?? []),
  ];
  for (const change of changes) {
    const [, variable, value] = /^(\w+)=(.*)$/.exec(change ?? "") ?? [];
    const other = variable === undefined && change !== sameAgain ? change : undefined;
    const program = other ?? flags.program;
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
    joiningTokens: integerOf("--joining-tokens", flags.joiningTokens, 64, 100_000),
    heldTokens: integersOf("--held-tokens", flags.heldTokens, 16, 100_000),
    contextStreams: integersOf("--context-streams", flags.contextStreams, 1, 64),
    contextTokens: integersOf("--context-tokens", flags.contextTokens, 16, 100_000),
    concurrency: integersOf("--concurrency", flags.concurrency, 1, 1_024),
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
