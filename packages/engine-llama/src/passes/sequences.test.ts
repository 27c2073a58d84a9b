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
  } as unknown as LibraryContext;
  const none = (): never => expect.unreachable();
  const library = { context, model: {}, createSampler: none, createCheckpoint: none };
  return { sequences: createSequences({ library, contextSize: 64, isRecurrent: false }), calls };
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

  it("moves nothing at the end of the slot", async () => {
    const { sequences, calls } = fakeSequences();
    expect(await sequences.erase(1, 3, 8, 8)).toBe(3);
    expect(calls).toEqual([["remove", 1, 3, 8]]);
  });

  it("empties the slot if it cannot be cut, or if all tokens are discarded", async () => {
    const { sequences, calls } = fakeSequences({ removes: false });
    expect(await sequences.erase(1, 3, 8, 8)).toBe(0);
    expect(await sequences.erase(1, 0, 8, 8)).toBe(0);
    expect(calls).toEqual([
      ["remove", 1, 3, 8],
      ["dispose", 1],
      ["dispose", 1],
    ]);
  });
});
