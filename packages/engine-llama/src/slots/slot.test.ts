// Tests a slot on a scripted driver: entries and the engine's list determine the requests to the driver.
import type { BatchEntry, Held, SlotSampling, Token } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import type { BatchRow, Passes } from "../passes/passes.ts";
import type { SamplingContext } from "../sampling/sampling.ts";
import { createSlot, type Slot } from "./slot.ts";

const context = { isEndOfGeneration: () => false, vocabularySize: 100, endTokens: [] } as unknown as SamplingContext;
const sampling: SlotSampling = {
  ...SamplingSchema.parse({ temperature: 1, repeat_penalty: 1.5, repeat_last_n: 3 }),
  seed: 7,
};

function scripted(onFile: readonly Token[] = []): { slot: Slot; erased: number[][] } {
  const erased: number[][] = [];
  const passes: Partial<Passes> = {
    configure: () => undefined,
    async erase(_, from, to, held) {
      erased.push([from, to, held]);
      return held - (to - from);
    },
    load: async () => onFile,
    readLogits: () => expect.fail("logits were read"),
  };
  return { slot: createSlot({ id: 0, passes: passes as Passes, sampling: context, capacity: 8 }), erased };
}

const heldOf = (entries: Token[]): Held & { readonly entries: Token[] } => ({
  entries,
  get nextPosition() {
    return entries.length;
  },
});

/** Makes the row of a decode entry, after the engine has added its token to the list. */
function decodeRow(slot: Slot, held: Held & { readonly entries: Token[] }, token: Token): BatchRow {
  const from = held.entries.length;
  const entry: BatchEntry = { kind: "decode", slot: 0, from, tokens: [token], sample: true };
  held.entries.push(token);
  return slot.rowFor(entry) as BatchRow;
}

function drawOf({ asks }: BatchRow) {
  const ask = asks.at(-1);
  return ask?.kind === "draw" ? ask.draw : expect.fail("the row draws no token");
}

describe("a slot", () => {
  test("penalises the last tokens of the engine's list, with those that the row feeds", async () => {
    const { slot } = scripted();
    const held = heldOf([1, 2]);
    await slot.begin(2, sampling, held);
    const row = decodeRow(slot, held, 3);
    expect(row).toMatchObject({ from: 2, tokens: [3] });
    expect(drawOf(row).recent).toEqual([1, 2, 3]);
    expect(drawOf(decodeRow(slot, held, 4)).recent).toEqual([2, 3, 4]);
  });

  test("draws with the same random numbers in a queued pass as in another pass at the same position", async () => {
    const { slot } = scripted();
    const held = heldOf([1, 2]);
    await slot.begin(2, sampling, held);
    decodeRow(slot, held, 3);
    const ahead = slot.rowAhead({ slot: 0, from: held.nextPosition });
    expect(ahead).toMatchObject({ slot: 0, position: 3 });
    expect(ahead?.draw.seed).toBe(drawOf(decodeRow(slot, held, 4)).seed);
  });

  test("draws with the same random numbers after a shift", async () => {
    const [whole, shifted] = [scripted(), scripted()];
    const [held, rest] = [heldOf([1, 2, 3, 4, 5]), heldOf([1, 2, 3, 4, 5])];
    await whole.slot.begin(5, sampling, held);
    await shifted.slot.begin(5, sampling, rest);
    await shifted.slot.shift(1, 2);
    rest.entries.splice(1, 2);
    expect(shifted.erased).toEqual([[1, 3, 5]]);
    expect(drawOf(decodeRow(shifted.slot, rest, 6)).seed).toBe(drawOf(decodeRow(whole.slot, held, 6)).seed);
  });

  test("cannot be queued where a grammar must accept the token first", async () => {
    const run = { allows: () => true, accept: () => undefined };
    const grammars = { begin: async () => run };
    const passes = { configure: () => undefined, readLogits: () => expect.fail("logits were read") };
    const options = { id: 0, passes: passes as unknown as Passes, capacity: 8 };
    const slot = createSlot({ ...options, sampling: { ...context, grammars } as unknown as SamplingContext });
    await slot.begin(1, { ...sampling, grammar: 'root ::= "a"' }, heldOf([1]));
    expect(slot.rowAhead({ slot: 0, from: 1 })).toBeUndefined();
  });

  test("discards what the engine does not keep, and everything where the engine knows nothing of its contents", async () => {
    const { slot, erased } = scripted();
    await slot.begin(3, sampling, heldOf([1, 2, 3]));
    expect(erased, "all is kept").toEqual([]);
    await slot.end(2);
    await slot.begin(0, sampling, heldOf([]));
    await slot.end(0);
    expect(erased).toEqual([
      [2, 3, 3],
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  test("fails an entry that exceeds its capacity", async () => {
    const { slot } = scripted();
    const held = heldOf([1, 2, 3, 4, 5, 6, 7]);
    await slot.begin(7, sampling, held);
    expect(decodeRow(slot, held, 8)).toMatchObject({ from: 7 });
    expect(decodeRow(slot, held, 9)).toEqual({ kind: "failed", message: "The context of 9 tokens is full" });
  });

  test("holds exactly the tokens of a snapshot, though its file may have more", async () => {
    const { slot, erased } = scripted([1, 2, 3, 4]);
    expect(await slot.load("file", [1, 2])).toBe(true);
    expect(erased).toEqual([[2, 4, 4]]);
    expect(await slot.load("file", [1, 3])).toBe(false);
  });
});
