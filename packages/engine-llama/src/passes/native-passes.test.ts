// Tests how a pass calls the native step: the arguments, the results, and queued steps.
import { deferred } from "@waggle/async";
import type { SlotSampling } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import type { LlamaContextSequence } from "node-llama-cpp";
import { describe, expect, it } from "vitest";
import type { DirectContext, DirectSamplerConfig, NativeStep } from "./library-context.ts";
import { createNativePasses } from "./native-passes.ts";
import type { BatchRow, QueuedRow } from "./passes.ts";
import type { SamplingContext } from "../sampling/sampling.ts";

const plain: SlotSampling = { ...SamplingSchema.parse({ repeat_penalty: 1.5 }), seed: 1 };
const underway = (): void => {};

function fakeNative({ inOrder = true } = {}) {
  const calls: unknown[][] = [];
  const steps: ReturnType<typeof deferred<Float64Array>>[] = [];
  const configs: DirectSamplerConfig[] = [];
  let tokens = 0;
  let hasBegun = false;
  const stepOf = (name: string, ...args: readonly ArrayLike<number>[]): Promise<Float64Array> => {
    const step = deferred<Float64Array>();
    calls.push([name, ...args.map((numbers) => Array.from(numbers))]);
    steps.push(step);
    return step.promise;
  };
  const context = {
    initBatch: () => (tokens = 0),
    addToBatch(_: number, __: number, added: Uint32Array, withLogits: Uint32Array) {
      const positions = withLogits.map((at) => tokens + at);
      tokens += added.length;
      return positions;
    },
    setThreads: (threads: number) => calls.push(["setThreads", threads]),
  } as unknown as DirectContext;
  const native: NativeStep = {
    decodeBatchAndSample: (positions, samplers, seeds, tops) => {
      return stepOf("step", positions, [samplers.length], seeds, tops);
    },
    decodeSampledAndSample: (sources, sequences, positions, _, seeds, tops) => {
      return stepOf("ahead", sources, sequences, positions, seeds, tops);
    },
    withdrawSampledStep: () => !hasBegun,
    getLogits: (position, top, wanted) => {
      calls.push(["getLogits", position, top, [...wanted]]);
      return Float64Array.of(5, 2.5, 2, 7, 5, 9, 4, ...Array.from(wanted, () => 1));
    },
  };
  const library = {
    context,
    native,
    createSampler: () => ({ applyConfig: (config: DirectSamplerConfig) => void configs.push({ ...config }) }),
    createCheckpoint: () => Promise.reject(new Error("None")) as never,
  };
  const passes = createNativePasses(
    {
      library,
      sequences: Array<LlamaContextSequence>(3).fill({} as LlamaContextSequence),
      contextSize: 64,
      isRecurrent: false,
      sampling: { vocabularySize: 10 } as SamplingContext,
      inOrder,
    },
    native,
  );
  for (const slot of [0, 1, 2]) passes.configure(slot, plain);
  return { passes, calls, steps, configs, begin: () => (hasBegun = true) };
}

const drawn = (slot: number, tokens: number[], topLogprobs?: number, recent?: number[]): BatchRow => ({
  slot,
  from: 5,
  tokens,
  asks: [{ at: tokens.length - 1, kind: "draw", draw: { seed: 40 + slot, recent, topLogprobs } }],
});
const ahead = (slot: number): QueuedRow => ({
  slot,
  position: 6,
  draw: { seed: 50 + slot, recent: undefined, topLogprobs: undefined },
});

describe("a native pass", () => {
  it("samples all rows in one step, each with its seed", async () => {
    const { passes, calls, steps } = fakeNative();
    passes.setThreads(2);
    const pass = passes.run(
      [drawn(0, [4]), { slot: 1, from: 0, tokens: [7, 8], asks: [] }, drawn(2, [5, 6])],
      underway,
    );
    steps[0]?.resolve(Float64Array.of(3, -1));
    expect(await pass).toEqual([[{ kind: "token", token: 3 }], [], [{ kind: "token", token: undefined }]]);
    expect(calls).toEqual([
      ["setThreads", 2],
      ["step", [0, 4], [2], [40, 42], [0, 0]],
    ]);
  });

  it("reads logprobs from the step's result, with at most as many alternatives as there are tokens", async () => {
    const { passes, calls, steps } = fakeNative();
    const pass = passes.run([drawn(0, [4], 2), drawn(1, [5], 99)], underway);
    const rest = Array.from({ length: 10 }, (_, i) => [i, -i]).flat();
    steps[0]?.resolve(Float64Array.of(3, 1, 2, 4, 6, 2, 3, 1, 8, 0, 0, 1, ...rest));
    const [[first] = [], [second] = []] = await pass;
    const logprobOf = (logit: number): number => logit - 2 - Math.log(4);
    expect(first).toMatchObject({
      token: 3,
      logprobs: {
        logprob: logprobOf(1),
        top: [
          { token: 6, logprob: logprobOf(2) },
          { token: 3, logprob: logprobOf(1) },
        ],
      },
    });
    expect(second).toMatchObject({ token: 8, logprobs: { top: { length: 10 } } });
    expect(calls.at(-1)?.[4]).toEqual([3, 11]);
  });

  it("reads logits without a step", async () => {
    const { passes, calls, steps } = fakeNative();
    const request = { tokens: [8], top: 2, total: true };
    const pass = passes.run(
      [{ slot: 1, from: 0, tokens: [4, 5], asks: [{ at: 1, kind: "logits", request }] }],
      underway,
    );
    steps[0]?.resolve(new Float64Array());
    const logits = new Map([
      [7, 5],
      [9, 4],
      [8, 1],
    ]);
    expect(await pass).toEqual([[{ kind: "logits", logits: { logits, totalWeight: 2.5 } }]]);
    expect(await passes.readLogits?.(1, { ...request, top: "all", total: false })).toEqual({ logits });
    expect(calls.slice(2)).toEqual([
      ["getLogits", 1, 2, [8]],
      ["getLogits", 1, 10, [8]],
    ]);
  });

  it("configures a sampler once for a job, or for each token with penalties", async () => {
    const { passes, steps, configs } = fakeNative();
    const play = async (row: BatchRow): Promise<void> => {
      const pass = passes.run([row], underway);
      steps.at(-1)?.resolve(Float64Array.of(3));
      await pass;
    };
    await play(drawn(0, [4]));
    await play(drawn(0, [4]));
    expect(configs).toHaveLength(1);
    await play(drawn(0, [4], undefined, [1, 2]));
    expect([...(configs.at(-1)?.repeatPenaltyTokens ?? [])]).toEqual([1, 2]);
    passes.configure(0, plain);
    await play(drawn(0, [4]));
    expect(configs).toHaveLength(3);
  });
});

describe("a queued native pass", () => {
  it("refers to the outputs of the preceding pass, and configures no sampler", async () => {
    const { passes, calls, steps, configs } = fakeNative();
    const first = passes.run([drawn(0, [4]), drawn(1, [4]), drawn(2, [4])], underway);
    const before = configs.length;
    const second = passes.ahead?.run([ahead(1), ahead(2)]);
    steps[0]?.resolve(Float64Array.of(3, 4, 5));
    await first;
    const third = passes.ahead?.run([ahead(2)]);
    steps[1]?.resolve(Float64Array.of(6, 7));
    steps[2]?.resolve(Float64Array.of(8));
    expect(await second).toEqual([
      { kind: "token", token: 6 },
      { kind: "token", token: 7 },
    ]);
    expect(await third).toEqual([{ kind: "token", token: 8 }]);
    expect(calls.slice(2)).toEqual([
      ["ahead", [1, 2], [1, 2], [6, 6], [51, 52], [0, 0]],
      ["ahead", [1], [2], [6], [52], [0]],
    ]);
    expect(configs).toHaveLength(before);
  });

  it("can be withdrawn until it begins, and then has no result", async () => {
    const { passes, steps, begin } = fakeNative();
    void passes.run([drawn(0, [4])], underway);
    const pass = passes.ahead?.run([ahead(0)]);
    expect(passes.ahead?.withdraw()).toBe(true);
    steps[1]?.resolve(new Float64Array());
    expect(await pass).toBeUndefined();
    begin();
    expect(passes.ahead?.withdraw()).toBe(false);
  });

  it("is impossible if calls may run in another order", () => {
    expect(fakeNative({ inOrder: false }).passes.ahead).toBeUndefined();
  });
});
