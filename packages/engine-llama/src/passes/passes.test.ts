// Tests how a pass asks its decoder: the batch, the draws and the outputs; and which calls on the library's context object erase tokens of a sequence.
import { deferred } from "@waggle/async";
import type { SlotSampling } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import type { BatchDecoder } from "./batch-decoder.ts";
import type { LibraryContext } from "./library-context.ts";
import { createPasses, type BatchRow } from "./passes.ts";
import type { SamplerConfig } from "../sampling/sampling-numbers.ts";
import type { SamplingContext } from "../sampling/sampling.ts";

const plain: SlotSampling = { ...SamplingSchema.parse({ repeat_penalty: 1.5 }), seed: 1 };
const underway = (): void => {};

function fakePasses({ removes = true } = {}) {
  const calls: unknown[][] = [];
  const steps: ReturnType<typeof deferred<Float64Array>>[] = [];
  const configs: SamplerConfig[] = [];
  const recents: number[][] = [];
  const lists = (numbers: readonly ArrayLike<number>[]): number[][] => numbers.map((list) => Array.from(list));
  const decoder: BatchDecoder = {
    decode({ tokens, sequences, positions, outputs }, { at, samplers, seeds, topCounts }) {
      const step = deferred<Float64Array>();
      const batch = lists([tokens, sequences, positions, outputs, at]);
      calls.push(["decode", ...batch, samplers.length, ...lists([seeds, topCounts])]);
      steps.push(step);
      return step.promise;
    },
    logits(at, { tokens, top }) {
      calls.push(["logits", at, top, tokens]);
      return { logits: new Map([[at, 1]]) };
    },
    createSampler: () => ({
      configure: (config) => void configs.push(config),
      setRecent: (tokens) => void recents.push([...tokens]),
    }),
    canSample: () => true,
    takesDrafts: true,
    cells: {
      copy: async (...args) => void calls.push(["copy", ...args]),
      release: (...args) => void calls.push(["release", ...args]),
    },
  };
  const context = {
    setThreads: (threads: number) => calls.push(["setThreads", threads]),
    removeTokenCellsFromSequence(...args: number[]) {
      calls.push(["remove", ...args]);
      return removes;
    },
    disposeSequence: (...args: number[]) => void calls.push(["dispose", ...args]),
    loadSequenceStateFromFile: async () => Uint32Array.of(4, 5, 6),
  } as unknown as LibraryContext;
  const none = (): never => expect.unreachable();
  const passes = createPasses({
    decoder,
    library: { context, model: {}, createSampler: none, createCheckpoint: none },
    slots: 3,
    contextSize: 64,
    isRecurrent: false,
    sampling: { vocabularySize: 10 } as SamplingContext,
  });
  for (const slot of [0, 1, 2]) passes.configure(slot, plain);
  const released = () => calls.filter(([name]) => name === "release").map(([, ...args]) => args);
  return { passes, calls, steps, configs, recents, released };
}

const drawn = (slot: number, tokens: number[], topLogprobs?: number, recent?: number[]): BatchRow => ({
  slot,
  from: 5,
  tokens,
  outputs: [{ at: tokens.length - 1, kind: "draw", draw: { seed: 40 + slot, recent, topLogprobs } }],
});

describe("a pass", () => {
  it("decodes all rows in one batch, and samples each with its seed", async () => {
    const { passes, calls, steps } = fakePasses();
    passes.setThreads(2);
    const pass = passes.run(
      [drawn(0, [4]), { slot: 1, from: 0, tokens: [7, 8], outputs: [] }, drawn(2, [5, 6])],
      underway,
    );
    steps[0]?.resolve(Float64Array.of(3, -1));
    expect(await pass).toEqual([[{ kind: "token", token: 3 }], [], [{ kind: "token", token: undefined }]]);
    expect(calls).toEqual([
      ["setThreads", 2],
      ["decode", [4, 7, 8, 5, 6], [0, 1, 1, 2, 2], [5, 0, 1, 5, 6], [0, 4], [0, 4], 2, [40, 42], [0, 0]],
    ]);
  });

  it("is underway once it is requested", async () => {
    const { passes, steps } = fakePasses();
    let requested = -1;
    const pass = passes.run([drawn(0, [4])], () => (requested = steps.length));
    expect(requested).toBe(1);
    steps[0]?.resolve(Float64Array.of(3));
    await pass;
  });

  it("fails if the decoder fails", async () => {
    const { passes, steps } = fakePasses();
    const pass = passes.run([drawn(0, [4])], underway);
    steps[0]?.reject(new Error("No cells are free"));
    await expect(pass).rejects.toThrow("No cells are free");
    await passes.settled();
  });

  it("reads logprobs from the step's result, with at most as many alternatives as there are tokens", async () => {
    const { passes, calls, steps } = fakePasses();
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
    expect(calls.at(-1)?.at(-1)).toEqual([3, 11]);
  });

  it("reads the logits of a row after the step, and again at a token whose output the row requests", async () => {
    const { passes, calls, steps } = fakePasses();
    const request = { tokens: [8], top: 2, total: true };
    const outputs = [0, 1].map((at) => ({ at, kind: "logits" as const, request }));
    const pass = passes.run([drawn(0, [4]), { slot: 1, from: 0, tokens: [4, 5], outputs }], underway);
    steps[0]?.resolve(Float64Array.of(3));
    const logitsAt = (at: number): object => ({ kind: "logits", logits: { logits: new Map([[at, 1]]) } });
    expect(await pass).toEqual([[{ kind: "token", token: 3 }], [logitsAt(1), logitsAt(2)]]);
    await passes.readLogits(1, 1, { ...request, top: "all" });
    await passes.readLogits(1, 0, request);
    expect(calls.slice(2)).toEqual([
      ["logits", 1, 2, [8]],
      ["logits", 2, 2, [8]],
      ["logits", 2, "all", [8]],
      ["logits", 1, 2, [8]],
    ]);
  });

  it("draws at several tokens of a row, in any order of slots, and sets the penalties' tokens once", async () => {
    const { passes, calls, steps, recents } = fakePasses();
    const drafted: BatchRow = {
      ...{ slot: 2, from: 5, tokens: [4, 7, 8] },
      outputs: [0, 1, 2].map((at) => {
        return {
          at,
          kind: "draw",
          draw: { seed: 60 + at, recent: at === 0 ? [1, 2] : undefined, topLogprobs: undefined },
        };
      }),
    };
    const pass = passes.run([drafted, drawn(0, [5])], underway);
    steps[0]?.resolve(Float64Array.of(7, 6, -1, 3));
    const token = (sampled: number | undefined): object => ({ kind: "token", token: sampled });
    expect(await pass).toEqual([[token(7), token(6), token(undefined)], [token(3)]]);
    expect(calls.at(-1)).toEqual([
      ...["decode", [4, 7, 8, 5], [2, 2, 2, 0], [5, 6, 7, 5], [0, 1, 2, 3], [0, 1, 2, 3]],
      ...[4, [60, 61, 62, 40], [0, 0, 0, 0]],
    ]);
    expect(recents).toEqual([[1, 2]]);
  });

  it("computes logits where they are only kept, and does not read them", async () => {
    const { passes, calls, steps } = fakePasses();
    const pass = passes.run([{ slot: 0, from: 0, tokens: [4, 5], outputs: [{ at: 0, kind: "kept" }] }], underway);
    steps[0]?.resolve(new Float64Array());
    expect(await pass).toEqual([[{ kind: "kept" }]]);
    expect(calls.slice(1)).toEqual([["decode", [4, 5], [0, 0], [0, 1], [0], [], 0, [], []]]);
  });

  it("configures a sampler once for a job, and sets the penalties' tokens of each token", async () => {
    const { passes, steps, configs, recents } = fakePasses();
    const play = async (row: BatchRow): Promise<void> => {
      const pass = passes.run([row], underway);
      steps.at(-1)?.resolve(Float64Array.of(3));
      await pass;
    };
    for (const recent of [
      [1, 2],
      [2, 3],
    ])
      await play(drawn(0, [4], undefined, recent));
    expect(recents).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(configs, "one for each slot").toHaveLength(3);
    expect(configs[0]).toMatchObject({ repeat_penalty: 1.5 });
  });
});

describe("erasing", () => {
  it("keeps the memory of tokens that are dropped, because the next tokens use it", () => {
    const { passes, calls } = fakePasses();
    passes.drop(1, 3, 8);
    expect(calls).toEqual([["remove", 1, 3, 8]]);
    expect(() => fakePasses({ removes: false }).passes.drop(1, 3, 8)).toThrow("Cannot cut slot 1 at 3");
  });

  it("discards everything from a position on, and gives the memory of the cells back", async () => {
    const { passes, calls } = fakePasses();
    expect(await passes.erase(1, 3)).toBe(3);
    expect(await passes.erase(1, 3, 5), "a picture takes more cells than positions").toBe(3);
    expect(calls).toEqual([
      ["remove", 1, 3, -1],
      ["release", 1, 3],
      ["remove", 1, 3, -1],
      ["release", 1, 5],
    ]);
  });

  it("empties the slot if it cannot be cut, or if all tokens are discarded", async () => {
    const { passes, calls } = fakePasses({ removes: false });
    expect(await passes.erase(1, 3)).toBe(0);
    expect(await passes.erase(1, 0)).toBe(0);
    expect(calls).toEqual([
      ["remove", 1, 3, -1],
      ["dispose", 1],
      ["release", 1, 0],
      ["dispose", 1],
      ["release", 1, 0],
    ]);
  });
});

describe("loading", () => {
  it("gives the memory after the file's tokens back, because the slot may have held more", async () => {
    const { passes, released } = fakePasses();
    expect(await passes.load(1, "x.kv")).toEqual([4, 5, 6]);
    expect(released()).toEqual([[1, 3]]);
  });
});

describe("copying", () => {
  it("gives the memory after the copied tokens back", async () => {
    const { passes, calls } = fakePasses();
    await passes.copy?.(0, 1, 5, 5);
    expect(calls.slice(-2)).toEqual([
      ["copy", 0, 1, 5],
      ["release", 1, 5],
    ]);
  });
});
