// Owns the command worker:bench: its options, what it prints, and that the worker it started is gone at the end.
import type { Command as Program } from "commander";
import { startBenchWorker } from "../lib/bench/bench-worker.ts";
import { createLoadClient, type LoadClient } from "../lib/bench/load-client.ts";
import { describeMethod, methodSentence } from "../lib/bench/method.ts";
import { calibratePrompts } from "../lib/bench/prompts.ts";
import { checkMarkers, publish } from "../lib/bench/publish.ts";
import { runBench } from "../lib/bench/run-bench.ts";
import { scenarios, scenariosNamed } from "../lib/bench/scenarios.ts";
import { headLine, rowLines } from "../lib/bench/table.ts";
import { openTarget, type Target } from "../lib/bench/target.ts";
import { createProcessGroups } from "../lib/process-group.ts";
import { onEnding } from "../lib/signals.ts";

interface Flags {
  readonly against?: string;
  readonly url?: string;
  readonly model?: string;
  readonly backend?: string;
  readonly slots: string;
  readonly threads?: string;
  readonly contextSize?: string;
  readonly rounds: string;
  readonly concurrency: string;
  readonly maxTokens: string;
  readonly only?: readonly string[];
  readonly built?: true;
  readonly json?: true;
  readonly write?: true;
}

interface Plan {
  readonly slots: number;
  readonly rounds: number;
  readonly maxTokens: number;
  readonly concurrency: readonly number[];
  readonly workerFlags: readonly string[];
}

export function addWorkerBench(program: Program): void {
  program
    .command("worker:bench")
    .description("measure throughput and latency of a worker under load, alone or in alternation with another server")
    .option(
      "--against <url>",
      "another server with the same model: OpenAI-compatible (its /v1/completions is used, unless the URL ends with /v1/chat/completions) or a Waggle worker",
    )
    .option("--url <url>", "measure this worker instead of starting one")
    .option("--model <path>", "the worker's model (default: the embedded one)")
    .option("--backend <name>", "llama, or fake to measure everything but the computing")
    .option("--slots <n>", "the worker's slots", "8")
    .option("--threads <n>", "the worker's threads (default: its own choice)")
    .option("--context-size <tokens>", "of each slot (default: the worker's choice)")
    .option("--rounds <n>", "rounds of each case; medians are shown", "5")
    .option("--concurrency <list>", "streams side by side", "1,2,4,8,16,32")
    .option("--max-tokens <n>", "tokens of each answer", "96")
    .option("--only <scenario...>", `play these alone: ${scenarios.map(({ name }) => name).join(", ")}`)
    .option("--built", "run the worker from its build instead of its source")
    .option("--json", "print one JSON object and nothing else on stdout")
    .option("--write", "write the table into README.md and the picture into docs/images/bench.svg")
    .action(workerBench);
}

async function workerBench(flags: Flags): Promise<void> {
  const plan = planOf(flags);
  const played = scenariosNamed(flags.only ?? []);
  if (flags.write) checkMarkers();
  const groups = createProcessGroups();
  const ending = onEnding(() => groups.killAll());
  const client = createLoadClient(ending.signal);
  const say = flags.json ? (): void => {} : (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    await using worker =
      flags.url === undefined
        ? await startBenchWorker({
            groups,
            env: withoutSettings(process.env),
            flags: plan.workerFlags,
            built: flags.built === true,
          })
        : undefined;
    const ours = await openTarget("waggle", worker?.url ?? flags.url ?? "");
    const theirs = flags.against === undefined ? undefined : await openTarget("other", flags.against);
    const prompts = await calibratePrompts((prompt) => countTokens(client, ours, prompt));
    const method = describeMethod(worker?.model ?? "the server's", plan.rounds, ours, theirs);

    say(`${method.ours}${theirs === undefined ? "" : ` against ${theirs.about}`}`);
    say(headLine(ours.name, theirs?.name));
    const rows = await runBench({
      ...plan,
      ours,
      theirs,
      scenarios: played,
      client,
      prompts,
      signal: ending.signal,
      onRow: (row) => rowLines(row, theirs !== undefined).forEach(say),
      onPlay: (what) => showPlay(process.stderr, what),
    });
    const sentence = methodSentence(
      method,
      rows.map(({ loadAverage }) => loadAverage),
    );
    say(`\n${sentence}`);
    if (flags.json) process.stdout.write(`${JSON.stringify({ method, rows })}\n`);
    const names = theirs === undefined ? ["Waggle"] : ["Waggle", theirs.about.split(",")[0] ?? "other"];
    if (flags.write) say(`Written: ${(await publish(rows, sentence, names)).join(", ")}`);
  } catch (error) {
    if (ending.exitCode === undefined) throw error;
    process.exitCode = ending.exitCode;
  } finally {
    client.close();
    groups.killAll();
    ending.dispose();
  }
}

/** A prompt's length as the server counts it; the answer of one token is thrown away. */
async function countTokens(client: LoadClient, target: Target, prompt: string): Promise<number> {
  return (await client.generate(target, { prompt, maxTokens: 1, seed: 1 })).promptTokens;
}

/** Rewritten in place on a terminal, and nowhere else. */
function showPlay(out: NodeJS.WriteStream, what: string): void {
  if (out.isTTY) out.write(`\r\u001B[K${what}\r`);
}

function planOf(flags: Flags): Plan {
  const slots = integer("--slots", flags.slots, 64);
  const given = (flag: string, value: string | undefined): string[] => (value === undefined ? [] : [flag, value]);
  return {
    slots,
    rounds: integer("--rounds", flags.rounds, 1_000),
    maxTokens: integer("--max-tokens", flags.maxTokens, 100_000),
    concurrency: flags.concurrency.split(",").map((text) => integer("--concurrency", text, 1_024)),
    workerFlags: [
      ...["--slots", String(slots)],
      ...given("--model", flags.model),
      ...given("--backend", flags.backend),
      ...given("--threads", flags.threads),
      ...given("--context-size", flags.contextSize),
    ],
  };
}

function integer(flag: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`Cannot use ${flag} ${text}: it must be an integer from 1 to ${most}`);
}

/** The settings of whoever measures must not reach the worker. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("WAGGLE_")));
}
