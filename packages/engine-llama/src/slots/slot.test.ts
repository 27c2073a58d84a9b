// Tests a slot on a scripted driver: entries and the engine's list determine the requests to the driver.
import type { BatchEntry, Held, SlotSampling, Token } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import type { BatchRow, Output, Passes } from "../passes/passes.ts";
import type { SamplingContext } from "../sampling/sampling.ts";
import { createSlot, type Slot } from "./slot.ts";

const context = { isEndOfGeneration: () => false, vocabularySize: 100, endTokens: [] } as unknown as SamplingContext;
const sampling: SlotSampling = {
  ...SamplingSchema.parse({ temperature: 1, repeat_penalty: 1.5, repeat_last_n: 3 }),
  seed: 7,
};

function scripted(sampled: SamplingContext = context) {
  const erased: number[][] = [];
  const dropped: number[][] = [];
  /** Places in the row whose logits were read, and how many of the most probable. */
  const read: [number, number | "all"][] = [];
  const passes: Partial<Passes> = {
    configure: () => undefined,
    async erase(_, from, cells = from) {
      erased.push([from, cells]);
      return from;
    },
    canSample: () => true,
    takesDrafts: true,
    drop: (_, from, to) => void dropped.push([from, to]),
    readLogits: async (_, at, { top }) => {
      read.push([at, top]);
      return { logits: new Map([[9, 1]]) };
    },
  };
  return {
    slot: createSlot({ id: 0, passes: passes as Passes, sampling: sampled, capacity: 8 }),
    erased,
    dropped,
    read,
  };
}

const heldOf = (entries: Token[], chunks: Held["chunks"] = []): Held & { readonly entries: Token[] } => ({
  entries,
  chunks,
  get nextPosition() {
    return entries.length;
  },
});

/** Makes the row of a decode entry, after the engine has added its token to the list. */
function decodeRow(slot: Slot, held: Held & { readonly entries: Token[] }, token: Token): BatchRow {
  const from = held.entries.length;
  const entry: BatchEntry = { slot: 0, from, tokens: [token], sample: true };
  held.entries.push(token);
  return slot.rowFor(entry) as BatchRow;
}

function drawOf({ outputs }: BatchRow) {
  const output = outputs.at(-1);
  return output?.kind === "draw" ? output.draw : expect.fail("the row draws no token");
}

describe("a slot", () => {
  test("penalises the last tokens of the engine's list, with those that the row feeds", async () => {
    const { slot } = scripted();
    const held = heldOf([1, 2]);
    await slot.begin(2, sampling, held, undefined);
    const row = decodeRow(slot, held, 3);
    expect(row).toMatchObject({ from: 2, tokens: [3] });
    expect(drawOf(row).recent).toEqual([1, 2, 3]);
    expect(drawOf(decodeRow(slot, held, 4)).recent).toEqual([2, 3, 4]);
  });

  test("penalises no cells of pictures", async () => {
    const { slot } = scripted();
    const chunk = { id: "a", entry: -1, picture: 0, cells: 2, positions: 2, causal: true };
    const held = heldOf([1, -1, -1, 2], [{ at: 1, chunk }]);
    await slot.begin(4, sampling, held);
    expect(drawOf(decodeRow(slot, held, 3)).recent).toEqual([1, 2, 3]);
  });

  test("discards what the engine does not keep, and everything where the engine knows nothing of its contents", async () => {
    const { slot, erased } = scripted();
    const held = heldOf([1, 2, 3]);
    await slot.begin(3, sampling, held, undefined);
    await slot.end();
    expect(erased, "all is kept").toEqual([]);
    await slot.cut(2, held);
    await slot.begin(0, sampling, heldOf([]), undefined);
    await slot.end();
    expect(erased).toEqual([
      [2, 2],
      [0, 0],
      [0, 0],
    ]);
  });

  describe("with drafts", () => {
    const entry = (drafts: readonly Token[]): BatchEntry => {
      return { slot: 0, from: 2, tokens: [3], sample: true, drafts };
    };
    const outputsOf = (...tokens: (Token | undefined)[]): Output[] => tokens.map((token) => ({ kind: "token", token }));
    async function begun(fields: Partial<SlotSampling> = {}, sampled = context) {
      const made = scripted(sampled);
      const held = heldOf([1, 2]);
      await made.slot.begin(2, { ...sampling, ...fields }, held, undefined);
      held.entries.push(3);
      return { ...made, held };
    }

    test("draws at each place with the random numbers of its position, and sets the penalties' tokens once", async () => {
      const { slot, held } = await begun();
      const row = slot.rowFor(entry([4, 5])) as BatchRow;
      expect(row).toMatchObject({ from: 2, tokens: [3, 4, 5], outputs: [{ at: 0 }, { at: 1 }, { at: 2 }] });
      const draws = row.outputs.map((output) =>
        output.kind === "draw" ? output.draw : expect.fail("an output is no token"),
      );
      expect(draws.map(({ recent }) => recent)).toEqual([[1, 2, 3], undefined, undefined]);
      const alone = [4, 5].map((token) => drawOf(decodeRow(slot, held, token)).seed);
      expect(draws.slice(1).map(({ seed }) => seed)).toEqual(alone);
    });

    test("takes the tokens after right drafts, and drops the cells of the others", async () => {
      const { slot, dropped } = await begun();
      slot.rowFor(entry([4, 5, 6]));
      const result = await slot.resultOf(entry([4, 5, 6]), outputsOf(4, 7, undefined, undefined));
      expect(result).toEqual({ kind: "token", token: 4, behind: [{ token: 7 }] });
      slot.rowFor(entry([4, 5]));
      expect(await slot.resultOf(entry([4, 5]), outputsOf(4, 5, 6))).toMatchObject({
        behind: [{ token: 5 }, { token: 6 }],
      });
      expect(dropped).toEqual([[4, 6]]);
    });

    test("drops all cells of the drafts if the entry fails", async () => {
      const { slot, dropped } = await begun();
      slot.rowFor(entry([4, 5]));
      const result = await slot.resultOf(entry([4, 5]), outputsOf(undefined, undefined, undefined));
      expect(result).toMatchObject({ kind: "failed", code: "invalid_argument" });
      expect(dropped).toEqual([[3, 5]]);
    });

    test("takes nothing after the end of the generation", async () => {
      const ending = { ...context, isEndOfGeneration: (token: Token) => token === 5 };
      const { slot, dropped } = await begun({}, ending);
      slot.rowFor(entry([4, 5]));
      expect(await slot.resultOf(entry([4, 5]), outputsOf(4, 5, 6))).toEqual({
        ...{ kind: "token", token: 4, behind: [{ token: 5 }] },
      });
      expect(dropped).toEqual([[4, 5]]);
    });

    test("samples itself after a draft that only the grammar chose", async () => {
      const candidates = () => ({ tokens: [9], areAll: true });
      const run = { allows: (token: Token) => token === 9, accept: () => undefined, candidates };
      const grammars = { begin: async () => run };
      const { slot, read } = await begun({ grammar: 'root ::= "a"', temperature: 0 }, {
        ...context,
        grammars,
      } as unknown as SamplingContext);
      slot.rowFor(entry([9, 9]));
      const result = await slot.resultOf(entry([9, 9]), outputsOf(4, undefined, undefined));
      expect(result).toEqual({ kind: "token", token: 9, behind: [{ token: 9 }, { token: 9 }] });
      // Only at the first place has the library sampled a token, which the grammar rejected.
      expect(read).toEqual([
        [0, 0],
        [1, 256],
        [2, 256],
      ]);
    });

    test("fails an entry that exceeds its capacity, with or without drafts", async () => {
      const { slot, held } = await begun();
      expect(slot.rowFor(entry([4, 5, 6, 7, 8]))).toMatchObject({ from: 2 });
      expect(slot.rowFor(entry([4, 5, 6, 7, 8, 9]))).toMatchObject({ kind: "failed" });
      held.entries.push(4, 5, 6, 7);
      expect(decodeRow(slot, held, 8)).toMatchObject({ from: 7 });
      expect(decodeRow(slot, held, 9)).toEqual({ kind: "failed", message: "The context of 9 tokens is full" });
    });
  });
});
