// Tests which calls on the library's context object erase tokens of a sequence.
import { describe, expect, it } from "vitest";
import type { LibraryContext } from "./library-context.ts";
import { createSequences } from "./sequences.ts";

function fakeSequences({ removes = true } = {}) {
  const calls: unknown[][] = [];
  const context = {
    removeTokenCellsFromSequence(...args: number[]) {
      calls.push(["remove", ...args]);
      return removes;
    },
    shiftSequenceTokenCells: (...args: number[]) => void calls.push(["shift", ...args]),
    disposeSequence: (...args: number[]) => void calls.push(["dispose", ...args]),
    loadSequenceStateFromFile: async () => Uint32Array.of(4, 5, 6),
  } as unknown as LibraryContext;
  const none = (): never => expect.unreachable();
  const library = { context, model: {}, createSampler: none, createCheckpoint: none };
  const cells = {
    copy: async (...args: number[]) => void calls.push(["copy", ...args]),
    release: (...args: number[]) => void calls.push(["release", ...args]),
  };
  const released = () => calls.filter(([name]) => name === "release").map(([, ...args]) => args);
  return { sequences: createSequences({ library, cells, contextSize: 64, isRecurrent: false }), calls, released };
}

describe("erasing", () => {
  it("moves up the tokens after the erased ones", async () => {
    const { sequences, calls } = fakeSequences();
    expect(await sequences.erase(1, 3, 8, 20)).toBe(15);
    expect(calls).toEqual([
      ["remove", 1, 3, 8],
      ["shift", 1, 8, 20, -5],
    ]);
  });

  it("keeps the memory of tokens that are dropped, because the next tokens use it", () => {
    const { sequences, calls } = fakeSequences();
    sequences.drop(1, 3, 8);
    expect(calls).toEqual([["remove", 1, 3, 8]]);
    expect(() => fakeSequences({ removes: false }).sequences.drop(1, 3, 8)).toThrow("Cannot cut slot 1 at 3");
  });

  it("moves nothing at the end of the slot", async () => {
    const { sequences, calls } = fakeSequences();
    expect(await sequences.erase(1, 3, 8, 8)).toBe(3);
    expect(calls).toEqual([
      ["remove", 1, 3, 8],
      ["release", 1, 3],
    ]);
  });

  it("empties the slot if it cannot be cut, or if all tokens are discarded", async () => {
    const { sequences, calls } = fakeSequences({ removes: false });
    expect(await sequences.erase(1, 3, 8, 8)).toBe(0);
    expect(await sequences.erase(1, 0, 8, 8)).toBe(0);
    expect(calls).toEqual([
      ["remove", 1, 3, 8],
      ["dispose", 1],
      ["release", 1, 0],
      ["dispose", 1],
      ["release", 1, 0],
    ]);
  });

  it("gives no memory of a shifted slot back as long as it has shifted tokens, because their cells are in another order", async () => {
    const { sequences, released } = fakeSequences();
    await sequences.erase(1, 3, 8, 20);
    await sequences.erase(1, 5, 8, 15);
    await sequences.erase(1, 4, 12, 12);
    expect(released()).toEqual([]);
    await sequences.erase(1, 3, 4, 4);
    await sequences.erase(1, 2, 9, 9);
    expect(released()).toEqual([
      [1, 3],
      [1, 2],
    ]);
  });
});

describe("loading", () => {
  it("gives the memory behind the file's tokens back, because the slot may have held more", async () => {
    const { sequences, released } = fakeSequences();
    await sequences.erase(1, 3, 8, 20);
    expect(await sequences.load(1, "x.kv")).toEqual([4, 5, 6]);
    expect(released()).toEqual([[1, 3]]);
  });
});

describe("copying", () => {
  it("gives the memory behind the copied tokens back, also in a slot that was shifted before", async () => {
    const { sequences, calls } = fakeSequences();
    await sequences.erase(1, 3, 8, 20);
    await sequences.copy?.(0, 1, 5, 5);
    expect(calls.slice(-2)).toEqual([
      ["copy", 0, 1, 5],
      ["release", 1, 5],
    ]);
  });

  it("copies shifted tokens in the order of their cells, and gives no memory back until the copy is cut in front of them", async () => {
    const { sequences, released } = fakeSequences();
    await sequences.erase(1, 3, 8, 20);
    await sequences.copy?.(1, 0, 5, 5);
    expect(released()).toEqual([]);
    await sequences.copy?.(1, 0, 3, 3);
    expect(released()).toEqual([[0, 3]]);
  });
});
