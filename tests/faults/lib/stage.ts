// Owns the tools that all groups of faults use: starting workers, checks, chances, uncut texts. Each group decides what it checks.
import {
  createFacts,
  createRandom,
  messageOf,
  openStream,
  daemonCommand,
  startWorker,
  until,
  waitFor,
  type Facts,
  type LeftoverCheck,
  type ProcessGroups,
  type Random,
  type Worker,
  type WorkerSpec,
} from "@waggle/testing/harness";
import type { GenerateRequestInput } from "@waggle/protocol";

export interface StageOptions {
  readonly groups: ProcessGroups;
  readonly seed: number;
  readonly long: boolean;
  /** Further flags for every worker, which win over ours: for a worker that is set up to break a rule. */
  readonly workerFlags: readonly string[];
  /** Learns of every daemon, so that the run can say what is left. */
  readonly leftovers: LeftoverCheck;
  /** Aborts when the run is to end at once. */
  readonly interrupted: AbortSignal;
}

/** One thing that held or did not. */
export interface Row {
  readonly name: string;
  /** Everything that did not hold. */
  readonly failures: readonly string[];
  /** Measured; each name ends in its unit where it has one. */
  readonly numbers: Readonly<Record<string, number>>;
}

export interface StartOptions extends Pick<WorkerSpec, "loading"> {
  /** The embedded model and not the fake backend. */
  readonly realModel?: boolean;
  /** Flags of node itself, before the entry. */
  readonly nodeFlags?: readonly string[];
}

/** What one group sees. */
export interface Stage extends Pick<StageOptions, "long" | "groups" | "leftovers"> {
  readonly random: Random;
  readonly uncutText: UncutText;
  /** So many rounds in a long run, and so many (one by default) in a short one. */
  rounds(long: number, short?: number): Iterable<number>;
  /** A worker on the fake backend, ready unless asked otherwise. The flags are one line, as in a shell. */
  startWorker(flags: string, options?: StartOptions): Promise<Worker>;
  /** Runs one check; what it throws is its failure. */
  check(name: string, run: (facts: Facts) => Promise<void>, limitMs?: number): Promise<void>;
}

export type UncutRequest = Required<Pick<GenerateRequestInput, "prompt" | "seed" | "max_tokens">>;

/** The answer to this request when nothing disturbs it; `max_tokens` says how much of it. */
export type UncutText = (request: UncutRequest) => Promise<string>;

/** Ends a check that hangs. Each wait in a check has a shorter limit. */
const checkLimitMs = 300_000;

/** @param onRow learns what each check came to */
export function createStage(
  options: StageOptions,
  name: string,
  uncutText: UncutText,
  onRow: (row: Row) => void,
): Stage {
  const { long, groups, leftovers, interrupted } = options;
  return {
    ...{ long, groups, leftovers, uncutText },
    random: createRandom(options.seed, name),
    rounds: (inLong, inShort = 1) => Array.from({ length: long ? inLong : inShort }, (_, round) => round),
    startWorker: (flags, start = {}) => {
      interrupted.throwIfAborted();
      return until(launch(options, flags, start), interrupted);
    },
    async check(name, run, limitMs = checkLimitMs) {
      interrupted.throwIfAborted();
      const facts = createFacts();
      try {
        await until(waitFor(`"${name}" to come to its end`, run(facts), limitMs), interrupted);
      } catch (error) {
        interrupted.throwIfAborted();
        facts.expect(false, messageOf(error));
      }
      const { failures, numbers } = facts;
      onRow({ name, failures, numbers });
    },
  };
}

async function launch(options: StageOptions, flags: string, start: StartOptions): Promise<Worker> {
  const { realModel = false, nodeFlags = [], ...spec } = start;
  const backend = ["--log-level", "info", "--backend", realModel ? "llama" : "fake"];
  const worker = await startWorker(options.groups, {
    ...spec,
    command: daemonCommand("worker", nodeFlags),
    flags: [...backend, ...flags.trim().split(/\s+/), ...options.workerFlags],
  });
  await options.leftovers.observe([worker.pid]);
  return worker;
}

/** A fake worker that only computes uncut texts: at full speed, one at a time, started when the first is asked for. */
export function createUncutText(options: StageOptions): UncutText {
  const texts = new Map<string, Promise<string>>();
  let worker: Promise<Worker> | undefined;

  async function compute(request: UncutRequest): Promise<string> {
    worker ??= launch({ ...options, workerFlags: [] }, "--context-size 65536 --replay-buffer 64MiB", {});
    const { url } = await worker;
    const { over, judge } = await openStream({ url: `${url}/v1/inference`, body: request });
    const { how } = await waitFor("an uncut text", over);
    if (how !== "complete") throw new Error(`Cannot get the uncut text: its stream was ${how}`);
    return judge.text;
  }

  return (request) => {
    const key = JSON.stringify(request);
    const known = texts.get(key);
    if (known !== undefined) return known;
    const text = compute(request);
    texts.set(key, text);
    // The next caller gets another worker.
    text.catch(() => {
      texts.delete(key);
      worker = undefined;
    });
    return text;
  };
}
