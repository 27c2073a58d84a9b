// Owns what all groups of faults use: cells, which are tests that collect facts, their workers, random numbers, texts of undisturbed answers, and the
// check that no process or port is left.
import { deadlineSignal } from "@waggle/async";
import type { GenerateRequestInput } from "@waggle/protocol";
import {
  createFacts,
  createLeftoverCheck,
  createProcessGroups,
  createRandom,
  daemonCommand,
  endLeftovers,
  errorText,
  openStream,
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
import { afterAll, beforeAll, expect, test } from "vitest";
import { howToRepeat, isLong, limitMs, say, seed } from "../../support/long.ts";

export interface StartOptions extends Pick<WorkerSpec, "loading"> {
  /** Use the embedded model instead of the fake backend. */
  readonly realModel?: boolean;
  /** Flags of node itself. */
  readonly nodeFlags?: readonly string[];
}

/** The functions that the cells of a group share. */
export interface Stage {
  readonly groups: ProcessGroups;
  /** Observes every daemon. */
  readonly leftovers: LeftoverCheck;
  readonly random: Random;
  /** Declares a test that fails with every fact that does not hold. @param longRounds number of its rounds in a long run */
  cell(name: string, run: (facts: Facts) => Promise<void>, longRounds?: number): void;
  /** Starts a worker, by default on the fake backend, and waits until it is ready. @param flags separated by spaces */
  startWorker(flags: string, options?: StartOptions): Promise<Worker>;
  /** Resolves with the text of an undisturbed answer, from a separate fake worker at full speed, which starts with the first request. */
  uncutText(request: UncutRequest): Promise<string>;
}

export type UncutRequest = Required<Pick<GenerateRequestInput, "prompt" | "seed" | "max_tokens">>;

/** Called in the `describe` of a group. After the time limit all cells of the group fail; after its last cell, no process or port may be left. */
export function createStage(): Stage {
  const [groups, leftovers] = [createProcessGroups("faults"), createLeftoverCheck()];
  let limit: AbortSignal;
  let undisturbed: Promise<Worker> | undefined;
  beforeAll(() => {
    limit = deadlineSignal(limitMs).signal;
  });
  afterAll(async () => {
    groups.killAll();
    expect(endLeftovers(await leftovers.check()), "processes and ports that are left").toEqual([]);
  });
  const stage: Stage = {
    ...{ groups, leftovers, random: createRandom(seed) },
    cell(name, run, longRounds = 1) {
      const rounds = isLong ? longRounds : 1;
      test(`${name}${rounds > 1 ? `, ${rounds} rounds` : ""}`, { repeats: rounds - 1 }, async () => {
        limit.throwIfAborted();
        const facts = createFacts();
        await until(run(facts), limit).catch((error: unknown) => facts.expect(false, errorText(error)));
        say(`  ${expect.getState().currentTestName} ${JSON.stringify(facts.numbers)}`);
        expect(facts.failures, howToRepeat).toEqual([]);
      });
    },
    async startWorker(flags, { realModel = false, nodeFlags = [], ...spec } = {}) {
      limit.throwIfAborted();
      const backend = ["--log-level", "info", "--backend", realModel ? "llama" : "fake"];
      const command = daemonCommand("worker", nodeFlags);
      const worker = await startWorker(groups, { ...spec, command, flags: [...backend, ...flags.trim().split(/\s+/)] });
      await leftovers.observe([worker.pid]);
      return worker;
    },
    async uncutText(body) {
      undisturbed ??= stage.startWorker("--context-size 65536 --replay-buffer 64MiB");
      const { over, judge } = await openStream({ url: `${(await undisturbed).url}/v1/inference`, body });
      const { how } = await waitFor("an uncut text", over);
      if (how !== "complete") throw new Error(`Cannot get the uncut text: its stream was ${how}`);
      return judge.text;
    },
  };
  return stage;
}

/** Called in a `describe`: makes a value before its cells, such as a worker, and ends it after them. The result returns the value. */
export function shared<T>(make: () => Promise<T>): () => T {
  let value: T;
  beforeAll(async () => {
    value = await make();
    return () => (value as Partial<AsyncDisposable> | undefined)?.[Symbol.asyncDispose]?.();
  }, limitMs);
  return () => value;
}
