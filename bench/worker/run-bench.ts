// Runs each case of a benchmark on the targets in turn in every round, so that a disturbance of the machine affects all of them.
import { loadavg } from "node:os";
import { generate, usageOf } from "@waggle/testing/harness";
import { alternate } from "../lib/alternate.ts";
import { compared, type BenchRow, type Figures } from "./figures.ts";
import type { PromptMaker } from "./prompts.ts";
import { sideBySide, type BenchCase, type Scenario, type ScenarioOptions, type CaseInput } from "./scenario.ts";
import type { Target } from "./target.ts";

export interface RunBenchOptions extends ScenarioOptions {
  readonly targets: readonly Target[];
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  readonly prompts: PromptMaker;
  readonly signal: AbortSignal;
  readonly onRow: (row: BenchRow) => void;
  /** Called with a description of the current step, to show progress. */
  readonly onPlay: (what: string) => void;
}

/** More than any `purpose` that a case passes to `Turn.seed`, so that the seeds of two rounds differ. */
const purposesPerRound = 10_000;
const warmUpPromptTokens = 32;
const warmUpTokens = 32;

export async function runBench(options: RunBenchOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  let played = 0;
  await warmUp(options);
  for (const scenario of options.scenarios) {
    for (const benchCase of scenario.cases(options)) {
      options.signal.throwIfAborted();
      // The seeds of two cases differ, so that no case finds the prompts of another one in a cache.
      const row = await playCase(options, scenario, benchCase, (played += 1) * options.rounds * purposesPerRound);
      rows.push(row);
      options.onRow(row);
    }
  }
  return rows;
}

/** The first streams read the model into memory and compile code; they are not counted. */
async function warmUp(options: RunBenchOptions): Promise<void> {
  for (const target of options.targets) {
    options.onPlay(`${target.name} warms up`);
    await sideBySide(turnOf(options, target, 0, 0), options.slots, warmUpPromptTokens, warmUpTokens);
  }
}

async function playCase(
  options: RunBenchOptions,
  scenario: Scenario,
  benchCase: BenchCase,
  firstSeed: number,
): Promise<BenchRow> {
  const { targets } = options;
  const row = { scenario: scenario.name, label: benchCase.label };
  const notPlayed = (skipped: string): BenchRow => {
    return { ...row, figures: {}, rounds: [], loadAverage: currentLoad(), skipped };
  };
  if (benchCase.skipped !== undefined) return notPlayed(benchCase.skipped);
  const cramped = targets.find(({ contextSize }) => (contextSize ?? Infinity) < benchCase.contextTokens);
  if (cramped !== undefined) {
    return notPlayed(
      `${cramped.name} has a context of ${cramped.contextSize} tokens, and the case needs ${benchCase.contextTokens}`,
    );
  }

  const rounds = await alternate({
    ...{ sides: targets, rounds: options.rounds },
    play: async (target, round) => {
      options.onPlay(`${scenario.name}, ${benchCase.label}: round ${round + 1} of ${options.rounds}, ${target.name}`);
      return await measured(target, benchCase, turnOf(options, target, round, firstSeed));
    },
  });
  return { ...row, figures: compared(rounds), rounds, loadAverage: currentLoad() };
}

function turnOf(options: RunBenchOptions, target: Target, round: number, firstSeed: number): CaseInput {
  const roundSeed = firstSeed + round * purposesPerRound;
  let asked = 0;
  return {
    prompts: options.prompts,
    targetName: target.name,
    seed: (purpose) => roundSeed + purpose,
    generate: (wanted, more) =>
      generate(target, { ...wanted, seed: roundSeed + asked++ }, { ...more, signal: options.signal }),
  };
}

async function measured(target: Target, benchCase: BenchCase, input: CaseInput): Promise<Figures> {
  const before = await usageOf(target.pid);
  const figures = await benchCase.play(input);
  const after = await usageOf(target.pid);
  if (before === undefined || after === undefined) return figures;
  const tokens = figures.completionTokens ?? 0;
  return {
    ...figures,
    ...(tokens > 0 ? { cpuMsPerToken: (after.cpuMs - before.cpuMs) / tokens } : {}),
    rssMiB: after.rssMiB,
  };
}

function currentLoad(): number {
  return loadavg()[0] ?? 0;
}
