// Tests the error for a version of the library whose internals are different, and for internals that compute something else.
import type { Llama, LlamaContext, LlamaModel } from "node-llama-cpp";
import { expect, test, vi } from "vitest";
import { openLlama } from "../load/llama.ts";
import { storyModel } from "../testing/story-model.ts";
import { requiredVersion, libraryOf, type LibraryContext } from "./library-context.ts";
import { openDecoder } from "./open-decoder.ts";

/** A context object with all methods that Waggle calls. */
const context: Record<keyof LibraryContext, unknown> = {
  initBatch: vi.fn(),
  addToBatch: vi.fn(),
  decodeBatch: async () => {},
  sampleToken: async () => 3,
  setThreads: vi.fn(),
  removeTokenCellsFromSequence: vi.fn(),
  disposeSequence: vi.fn(),
  saveSequenceStateToFile: vi.fn(),
  loadSequenceStateFromFile: vi.fn(),
  restoreCheckpoint: vi.fn(),
};

class Sampler {
  applyConfig(): void {}
}
class Checkpoint {}
const bindings = { AddonSampler: Sampler, AddonContextSequenceCheckpoint: Checkpoint };

const open = (inside: object | undefined, exports: object = bindings) =>
  libraryOf(
    { _bindings: exports } as unknown as Llama,
    { _model: {} } as unknown as LlamaModel,
    { _ctx: inside } as unknown as LlamaContext,
  );

test("a library with all methods is used", () => {
  expect(open(context)).toMatchObject({ context });
});

test.each([
  ["its context object is missing", undefined, bindings],
  ["its context object is missing", context, {}],
  ["its method sampleToken is missing", { ...context, sampleToken: undefined }, bindings],
  ["its method applyConfig is missing", context, { ...bindings, AddonSampler: Checkpoint }],
])("a library of another version is refused: %s", (problem, inside, exports) => {
  expect(() => open(inside, exports)).toThrow(
    `node-llama-cpp ${requiredVersion} is required; the installed version does not work: ${problem}`,
  );
});

test("without a GPU, the library opens a model's file once", async () => {
  const { llama, release } = await openLlama({ device: "cpu", maxThreads: 1 }, () => {});
  const { _bindings: inside } = llama as unknown as {
    readonly _bindings: { AddonModel: new (...all: unknown[]) => object };
  };
  const { AddonModel: Original } = inside;
  let opened = 0;
  inside.AddonModel = class extends Original {
    constructor(...all: unknown[]) {
      super(...all);
      opened++;
    }
  };
  const model = await llama.loadModel({ modelPath: storyModel });
  const size = { contextSize: 64, batchSize: 64, threads: 1 };
  const contexts = [await model.createContext(size), await model.createEmbeddingContext(size)];
  inside.AddonModel = Original;
  expect(opened).toBe(1);
  for (const one of [...contexts, model]) await one.dispose();
  release();
});

test("a library that computes something else is refused", async () => {
  const sequence = {
    controlledEvaluate: async () => [
      {},
      {
        next: {
          token: 1,
          logits: new Map([
            [1, 8],
            [2, 4],
            [3, 1],
          ]),
        },
      },
    ],
    dispose: vi.fn(),
  };
  const opening = openDecoder({
    context: { getSequence: () => sequence } as unknown as LlamaContext,
    library: open({
      ...context,
      sampleToken: async (_: number, __: object, reading?: boolean) => (reading === undefined ? 3 : [3]),
    }),
    addon: undefined,
    vocabularySize: 4,
    inOrder: true,
  });
  await expect(opening).rejects.toThrow(
    `node-llama-cpp ${requiredVersion} is required; the installed version does not work: it computes other logits`,
  );
  expect(sequence.dispose).toHaveBeenCalledOnce();
});
