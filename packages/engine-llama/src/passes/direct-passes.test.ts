// Tests the calls of a pass on the library's internal context object: their order, and which results fail if a call fails.
import type { SlotSampling } from "@waggle/engine";
import { deferred } from "@waggle/async";
import { SamplingSchema } from "@waggle/protocol";
import type { LlamaContextSequence } from "node-llama-cpp";
import { describe, expect, it } from "vitest";
import { createDirectPasses } from "./direct-passes.ts";
import type { DirectContext, DirectSampler, DirectSamplerConfig } from "./library-context.ts";
import type { Passes, BatchRow } from "./passes.ts";
import type { SamplingContext } from "../sampling/sampling.ts";

const plain: SlotSampling = { ...SamplingSchema.parse({ repeat_penalty: 1.5 }), seed: 1 };
const underway = (): void => {};

/** A fake context that records its calls. The token that it samples is the number of the sample position. */
function fakeLibrary({ removes = true, inOrder = true }: { removes?: boolean; inOrder?: boolean } = {}) {
  const calls: unknown[][] = [];
  const decoded = deferred<void>();
  const configs = new Map<object, DirectSamplerConfig>();
  let tokens = 0;
  let samplers = 0;
  const record =
    (name: string) =>
    (...args: unknown[]): void =>
      void calls.push([name, ...args]);
  const context = {
    initBatch(size: number) {
      record("initBatch")(size);
      tokens = 0;
    },
    addToBatch(sequence: number, from: number, added: Uint32Array, withLogits: Uint32Array) {
      record("addToBatch")(sequence, from, [...added], [...withLogits]);
      const positions = withLogits.map((at) => tokens + at);
      tokens += added.length;
      return positions;
    },
    decodeBatch() {
      record("decodeBatch")();
      return decoded.promise;
    },
    async sampleToken(position: number, sampler: object) {
      record("sampleToken")(position);
      if (configs.get(sampler)?.seed === 13) throw new Error("Unlucky");
      return configs.get(sampler)?.seed === 14 ? -1 : 100 + position;
    },
    setThreads: record("setThreads"),
    removeTokenCellsFromSequence(...args: number[]) {
      record("remove")(...args);
      return removes;
    },
    shiftSequenceTokenCells: record("shift"),
    disposeSequence: record("dispose"),
  } as unknown as DirectContext;
  const createSampler = (): DirectSampler => {
    samplers += 1;
    return {
      applyConfig(config) {
        configs.set(this, { ...config });
      },
    };
  };
  const library = {
    context,
    native: undefined,
    createSampler,
    createCheckpoint: () => Promise.reject(new Error("None")) as never,
  };
  const passes: Passes = createDirectPasses({
    library,
    sequences: Array<LlamaContextSequence>(3).fill({} as LlamaContextSequence),
    contextSize: 64,
    isRecurrent: false,
    sampling: {} as SamplingContext,
    inOrder,
  });
  for (const slot of [0, 1, 2]) passes.configure(slot, plain);
  return { passes, calls, decoded, configs, namesOf: () => calls.map(([name]) => name), samplers: () => samplers };
}

const drawn = (slot: number, tokens: number[], seed = 1): BatchRow => ({
  slot,
  from: 5,
  tokens,
  asks: [{ at: tokens.length - 1, kind: "draw", draw: { seed, recent: [1, 2], topLogprobs: undefined } }],
});

describe("a direct pass", () => {
  it("decodes all rows in a single batch, each with its sample positions", async () => {
    const { passes, calls, decoded } = fakeLibrary();
    passes.setThreads(2);
    decoded.resolve();
    const unasked = { slot: 1, from: 0, tokens: [7, 8], asks: [] };
    const answers = await passes.run([drawn(0, [4]), unasked, drawn(2, [5, 6])], underway);
    expect(calls.slice(0, 6)).toEqual([
      ["setThreads", 2],
      ["initBatch", 5],
      ["addToBatch", 0, 5, [4], [0]],
      ["addToBatch", 1, 0, [7, 8], []],
      ["addToBatch", 2, 5, [5, 6], [1]],
      ["decodeBatch"],
    ]);
    expect(answers).toEqual([[{ kind: "token", token: 100 }], [], [{ kind: "token", token: 104 }]]);
  });

  it("requests sampling together with the pass if the library keeps the order of calls, else after the pass", async () => {
    for (const inOrder of [true, false]) {
      const { passes, decoded, namesOf } = fakeLibrary({ inOrder });
      let atUnderway: unknown[] = [];
      const ended = passes.run([drawn(0, [4])], () => (atUnderway = namesOf()));
      expect(atUnderway.includes("sampleToken")).toBe(inOrder);
      decoded.resolve();
      expect(await ended).toEqual([[{ kind: "token", token: 100 }]]);
    }
  });

  it("sets the seed and the penalties' tokens of each sampler", async () => {
    const { passes, decoded, configs } = fakeLibrary();
    decoded.resolve();
    await passes.run([drawn(0, [4], 77)], underway);
    expect([...configs.values()]).toMatchObject([{ seed: 77, repeatPenalty: 1.5 }]);
    expect([...(configs.values().next().value?.repeatPenaltyTokens ?? [])]).toEqual([1, 2]);
  });

  it("fails for all rows if decoding fails, even if sampling was already requested", async () => {
    const { passes, decoded } = fakeLibrary();
    const ended = passes.run([drawn(0, [4], 13), drawn(1, [5])], underway);
    decoded.reject(new Error("Eval has failed"));
    await expect(ended).rejects.toThrow("Eval has failed");
    await passes.settled();
  });

  it("still has results for the other rows if one row fails or has no token", async () => {
    const { passes, decoded } = fakeLibrary();
    decoded.resolve();
    const rows = [drawn(0, [4], 13), drawn(1, [5]), drawn(2, [6], 14)];
    expect(await passes.run(rows, underway)).toEqual([
      [{ kind: "failed", message: "Unlucky" }],
      [{ kind: "token", token: 101 }],
      [{ kind: "token", token: undefined }],
    ]);
  });

  it("reuses its samplers in later passes", async () => {
    const { passes, decoded, samplers } = fakeLibrary();
    decoded.resolve();
    const before = samplers();
    for (let i = 0; i < 10; i++) await passes.run([drawn(0, [4])], underway);
    expect(samplers()).toBe(before);
  });
});

describe("erasing", () => {
  it("moves up the tokens after the erased ones", async () => {
    const { passes, calls } = fakeLibrary();
    expect(await passes.erase(1, 3, 8, 20)).toBe(15);
    expect(calls).toEqual([
      ["remove", 1, 3, 8],
      ["shift", 1, 8, 20, -5],
    ]);
  });

  it("moves nothing at the end of the slot", async () => {
    const { passes, calls } = fakeLibrary();
    expect(await passes.erase(1, 3, 8, 8)).toBe(3);
    expect(calls).toEqual([["remove", 1, 3, 8]]);
  });

  it("empties the slot if it cannot be cut, or if all tokens are discarded", async () => {
    const { passes, calls } = fakeLibrary({ removes: false });
    expect(await passes.erase(1, 3, 8, 8)).toBe(0);
    expect(await passes.erase(1, 0, 8, 8)).toBe(0);
    expect(calls).toEqual([
      ["remove", 1, 3, 8],
      ["dispose", 1],
      ["dispose", 1],
    ]);
  });
});
