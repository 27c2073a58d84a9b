// Owns what the groups of worker:chaos share: starting workers, checking, chances, uncut texts. What is checked is theirs.
import type { GenerateRequestInput } from "@waggle/protocol";
import { sourceCommand, type Command } from "../daemons.ts";
import type { LeftoverCheck } from "../leftovers.ts";
import type { ProcessGroups } from "../process-group.ts";
import { until } from "../until.ts";
import { startWorker, type ChaosWorker, type WorkerSpec } from "./chaos-worker.ts";
import { createFacts, type Facts } from "./facts.ts";
import { openStream } from "./live-stream.ts";
import { createRandom, type Random } from "./random.ts";
import type { Row, Table } from "./results.ts";
import { stopwatch, waitFor } from "./waits.ts";

export interface StageOptions {
  readonly groups: ProcessGroups;
  readonly env: NodeJS.ProcessEnv;
  readonly seed: number;
  readonly long: boolean;
  /** Further flags for every worker, which win over ours: for tests of this test. */
  readonly workerFlags: readonly string[];
  /** Learns of every daemon, so that the run can say what is left. */
  readonly leftovers: LeftoverCheck;
  /** Aborts when the run is to end at once. */
  readonly interrupted: AbortSignal;
}

export interface StartOptions extends Pick<WorkerSpec, "loading" | "stdoutClosed"> {
  /** The embedded model and not the fake backend. */
  readonly realModel?: boolean;
  /** Flags of node itself, before the entry. */
  readonly nodeFlags?: readonly string[];
}

/** What one group sees. */
export interface Stage {
  readonly long: boolean;
  readonly random: Random;
  /** A worker on the fake backend, logging JSON, ready unless asked otherwise. The flags stand in one line, as in a shell. */
  startWorker(flags: string, options?: StartOptions): Promise<ChaosWorker>;
  /** Runs one check; what it throws is its failure. Resolves with whether it held. */
  check(name: string, run: (facts: Facts) => Promise<void>, limitMs?: number): Promise<boolean>;
  table(table: Table): void;
  /** The answer to this request when nothing disturbs it; `max_tokens` says how much of it. */
  uncutText(request: UncutRequest): Promise<string>;
  /** For other daemons than workers. */
  readonly groups: ProcessGroups;
  readonly env: NodeJS.ProcessEnv;
  readonly leftovers: LeftoverCheck;
}

export type UncutRequest = Required<Pick<GenerateRequestInput, "prompt" | "seed" | "max_tokens">>;

export interface References {
  uncutText(request: UncutRequest): Promise<string>;
}

/** For checks that need no limit of their own; each wait in them has one too. */
const checkLimitMs = 60_000;

export function createStage(
  options: StageOptions,
  group: { readonly name: string; readonly references: References },
  told: { readonly row: (row: Row) => void; readonly table: (table: Table) => void },
): Stage {
  return {
    long: options.long,
    random: createRandom(options.seed, group.name),
    groups: options.groups,
    env: options.env,
    leftovers: options.leftovers,
    startWorker: (flags, start = {}) => {
      options.interrupted.throwIfAborted();
      return until(launch(options, flags, start), options.interrupted);
    },
    async check(name, run, limitMs = checkLimitMs) {
      options.interrupted.throwIfAborted();
      const facts = createFacts();
      const elapsed = stopwatch();
      try {
        await until(waitFor(`"${name}" to come to its end`, run(facts), limitMs), options.interrupted);
      } catch (error) {
        options.interrupted.throwIfAborted();
        facts.expect(false, error instanceof Error ? error.message : String(error));
      }
      const ok = facts.failures.length === 0;
      const details = (ok ? facts.notes : facts.failures).join("; ");
      told.row({ name, ok, details, numbers: facts.numbers, duration_ms: Math.round(elapsed()) });
      return ok;
    },
    table: told.table,
    uncutText: group.references.uncutText,
  };
}

async function launch(options: StageOptions, flags: string, start: StartOptions): Promise<ChaosWorker> {
  const { realModel = false, nodeFlags = [], ...spec } = start;
  const backend = realModel ? "llama" : "fake";
  const given = `--local-mode --port 0 --log-format json --log-level info --backend ${backend} ${flags}`
    .trim()
    .split(/\s+/);
  const command: Command = [...withNodeFlags(nodeFlags), ...given, ...options.workerFlags];
  const worker = await startWorker(options.groups, { command, env: options.env, ...spec });
  await options.leftovers.observe([worker.pid]);
  return worker;
}

/** The entry is the last of the source command; what stands before it is node's. */
function withNodeFlags(nodeFlags: readonly string[]): Command {
  const [node, ...rest] = sourceCommand("worker");
  return [node, ...rest.slice(0, -1), ...nodeFlags, ...rest.slice(-1)];
}

/** A fake worker that only computes uncut texts: at full speed, one at a time, started when the first is asked for. */
export function createReferences(options: StageOptions): References {
  const texts = new Map<string, Promise<string>>();
  let worker: Promise<ChaosWorker> | undefined;

  async function compute(request: UncutRequest): Promise<string> {
    worker ??= launch({ ...options, workerFlags: [] }, "--context-size 65536 --replay-buffer 64MiB", {});
    const { url } = await worker;
    const stream = await openStream({ url: `${url}/v1/inference`, body: request });
    const { how } = await waitFor("an uncut text", stream.over);
    if (how !== "complete") throw new Error(`Cannot get the uncut text: its stream was ${how}`);
    return stream.text;
  }

  return {
    uncutText(request) {
      const key = JSON.stringify(request);
      const text = texts.get(key) ?? compute(request);
      texts.set(key, text);
      return text;
    },
  };
}
