// Owns the functions that all groups of faults use: starting workers, running checks, random numbers, texts of undisturbed answers.
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
  /** More flags for every worker; they override other flags, to make a worker break a rule. */
  readonly workerFlags: readonly string[];
  /** Observes every daemon, to find processes and ports that are left after the run. */
  readonly leftovers: LeftoverCheck;
  /** Aborts the run. */
  readonly interrupted: AbortSignal;
}

/** The result of one check. */
export interface Row {
  readonly name: string;
  /** Expectations that did not hold; empty if the check passed. */
  readonly failures: readonly string[];
  /** Measured values. Each name ends in its unit. */
  readonly numbers: Readonly<Record<string, number>>;
}

export interface StartOptions extends Pick<WorkerSpec, "loading"> {
  /** Use the embedded model instead of the fake backend. */
  readonly realModel?: boolean;
  /** Flags of node itself. */
  readonly nodeFlags?: readonly string[];
}

/** The functions that a group gets. */
export interface Stage extends Pick<StageOptions, "long" | "groups" | "leftovers"> {
  readonly random: Random;
  readonly uncutText: UncutText;
  /** Round numbers: `long` rounds in a long run, `short` rounds (1 by default) in a short run. */
  rounds(long: number, short?: number): Iterable<number>;
  /** Starts a worker, by default on the fake backend, and waits until it is ready. @param flags separated by spaces */
  startWorker(flags: string, options?: StartOptions): Promise<Worker>;
  /** Runs one check. An error that it throws is a failure of the check. */
  check(name: string, run: (facts: Facts) => Promise<void>, limitMs?: number): Promise<void>;
}

export type UncutRequest = Required<Pick<GenerateRequestInput, "prompt" | "seed" | "max_tokens">>;

/** Resolves with the text of an undisturbed answer to this request. */
export type UncutText = (request: UncutRequest) => Promise<string>;

/** Time limit of a check that hangs. Each wait in a check has a shorter limit. */
const checkLimitMs = 300_000;

/** @param onRow called with the result of each check */
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
        await until(waitFor(`the check "${name}" to finish`, run(facts), limitMs), interrupted);
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

/** The texts come from a separate fake worker at full speed, which starts with the first request. */
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
    // The next request starts another worker.
    text.catch(() => {
      texts.delete(key);
      worker = undefined;
    });
    return text;
  };
}
