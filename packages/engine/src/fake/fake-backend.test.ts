import { SamplingSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import type { SlotSampling } from "../port/steps.ts";
import { createFakeKvSnapshots } from "../testing/fake-kv-snapshots.ts";
import { createFakeBackend, type FakeBackend, type FakeBackendOptions } from "./fake-backend.ts";
import type { HeldList } from "../sequence/held.ts";
import { driveSlots, type DrivenBackend, type DrivenEntry } from "../testing/drive-slots.ts";

const sampling: SlotSampling = { ...SamplingSchema.parse({ temperature: 0 }), seed: 1 };

type DrivenFake = DrivenBackend<FakeBackend>;

function backend(given: Partial<FakeBackendOptions> = {}): DrivenFake {
  return driveSlots(createFakeBackend({ slots: 2, contextSize: 16, batchSize: 8, ...given }));
}

const prefill = (slot: number, tokens: number[], sample = false): DrivenEntry => ({
  kind: "prefill",
  slot,
  tokens,
  sample,
});

describe("the context pool of the fake backend", () => {
  const full = async (given: Partial<FakeBackendOptions> = {}): Promise<DrivenFake> => {
    const fake = backend({ contextPool: 16, copies: true, ...given });
    for (const slot of [0, 1]) await fake.begin(slot, 0, sampling);
    await fake.step([prefill(0, [1, 2, 3, 4, 5, 6])]);
    await fake.step([prefill(1, [1, 2, 3, 4, 5, 6, 7, 8])]);
    return fake;
  };

  test("refuses a step that would exceed it, and takes the same step when another slot was cut", async () => {
    const fake = await full();
    await expect(fake.step([prefill(0, [7, 8, 9])])).rejects.toThrow("17 tokens exceed the context pool of 16");
    const cut = await full();
    await cut.end(1);
    expect(await cut.cut(1, 7)).toBe(7);
    await cut.step([prefill(0, [7, 8, 9])]);
    expect(cut.heldTokens(0)).toHaveLength(9);
  });

  test("refuses a copy or a snapshot that would exceed it", async () => {
    const saved = createFakeKvSnapshots();
    const fake = await full({ saved, contextPool: 15 });
    const state = await fake.states?.save(1, [1, 2, 3, 4, 5, 6, 7, 8], "alice");
    await fake.end(0);
    await expect(fake.copy?.(1, 0, 8)).rejects.toThrow("16 tokens exceed the context pool of 15");
    if (state !== undefined) await expect(fake.states?.load(0, state)).rejects.toThrow("exceed the context pool");
    await expect(fake.copy?.(1, 0, 7), "for a moment, the copy is whole").rejects.toThrow("16 tokens exceed");
    const roomy = await full();
    await roomy.end(0);
    await roomy.copy?.(1, 0, 7);
    expect(roomy.heldTokens(0)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("allows a cut or a copy only in a slot without a job", async () => {
    const fake = await full();
    await expect(fake.cut(0, 1)).rejects.toThrow("slot 0 has a job");
    await expect(fake.copy?.(0, 1, 1)).rejects.toThrow("slot 1 has a job");
  });
});

describe("the fake backend refuses", () => {
  type Violation = [FakeBackendOptions | object, (fake: DrivenFake) => Promise<unknown>, string | RegExp];
  const violations: Readonly<Record<string, Violation>> = {
    "no entries": [{}, (fake) => fake.step([]), "there are no entries"],
    "two entries of a slot": [{}, (fake) => fake.step([prefill(0, [1]), prefill(0, [1])]), "slot 0 has two entries"],
    "drafts where they are off": [
      { drafts: false },
      async (fake) => {
        await fake.step([prefill(0, [1], true)]);
        await fake.step([{ kind: "decode", slot: 0, drafts: [1] }]);
      },
      "slot 0 takes no drafts",
    ],
    "drafts after a prompt": [
      {},
      (fake) => fake.step([{ ...prefill(0, [1], true), drafts: [1] }]),
      "slot 0 has drafts after a prompt",
    ],
    "drafts after a forced token": [
      {},
      async (fake) => {
        await fake.step([prefill(0, [1], true)]);
        await fake.step([{ kind: "decode", slot: 0, forced: 5, drafts: [1] }]);
      },
      "slot 0 has drafts after a forced token",
    ],
    "more drafts than the context has room for": [
      { contextSize: 4 },
      async (fake) => {
        await fake.step([prefill(0, [1], true)]);
        await fake.step([{ kind: "decode", slot: 0, drafts: [1, 2] }]);
      },
      "slot 0 would hold 4 tokens",
    ],
    "an unknown slot": [{}, (fake) => fake.step([prefill(2, [1])]), "there is no slot 2"],
    "too many tokens": [{ batchSize: 2 }, (fake) => fake.step([prefill(0, [1, 2, 3])]), "exceed the batch of 2"],
    "an empty entry": [{}, (fake) => fake.step([prefill(0, [])]), "the entry of slot 0 is empty"],
    "another token than the one sampled last": [
      {},
      async (fake) => {
        await fake.step([prefill(0, [1], true)]);
        await fake.step([prefill(0, [1], true)]);
      },
      /slot 0 continues with token \d+, and not 1/,
    ],
    "more than the context": [{ contextSize: 2 }, (fake) => fake.step([prefill(0, [1, 2, 3])]), "would hold 3 tokens"],
    "a job in a busy slot": [{}, (fake) => fake.begin(0, 0, sampling), "slot 0 has a job"],
    "to keep tokens that the slot does not hold": [
      {},
      async (fake) => {
        await fake.end(0);
        await fake.begin(0, 1, sampling);
      },
      "slot 0 holds 0 other tokens, and cannot keep 1",
    ],
    "an entry at another position than the end": [
      {},
      async (fake) => {
        await fake.step([prefill(0, [1, 2])]);
        (fake.held(0) as HeldList).cut(1);
        await fake.step([prefill(0, [3])]);
      },
      "slot 0 ends at position 2 and not 1",
    ],
    "to begin with a list of other tokens than the slot holds": [
      {},
      async (fake) => {
        await fake.step([prefill(0, [1, 2])]);
        await fake.end(0);
        (fake.held(0).entries as number[])[1] = 3;
        await fake.begin(0, 1, sampling);
      },
      "slot 0 holds 2 other tokens, and cannot keep 1",
    ],
    "an entry without a job": [
      {},
      async (fake) => {
        await fake.end(0);
        await fake.step([prefill(0, [1])]);
      },
      "slot 0 has no job",
    ],
    "a step while one runs": [
      {},
      (fake) => Promise.all([fake.step([prefill(0, [1])]), fake.step([prefill(1, [1])])]),
      "a step is running",
    ],
    "an end while a step runs": [
      {},
      (fake) => Promise.all([fake.step([prefill(0, [1])]), fake.end(1)]),
      "a step is running",
    ],
  };
  test.each(Object.entries(violations))("%s", async (_, [options, act, message]) => {
    const fake = backend(options);
    await fake.begin(0, 0, sampling);
    await fake.begin(1, 0, sampling);
    await expect(act(fake)).rejects.toThrow(message);
  });

  test("more threads than its maximum", () => {
    expect(() => backend({ threads: 2 }).setThreads(3)).toThrow("3 is out of range");
  });

  test("a bias on a token that the model does not have", async () => {
    await expect(backend().checkSampling({ ...sampling, logit_bias: { "99999": 1 } })).rejects.toThrow('"logit_bias"');
  });
});
