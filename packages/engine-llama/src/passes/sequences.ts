// Cuts, shifts, saves and loads sequences between two passes, on the library's internal context object.
import type { Token } from "@waggle/engine";
import type { SequenceCells } from "./batch-decoder.ts";
import { createCheckpoints } from "./checkpoints.ts";
import type { Library } from "./library-context.ts";
import type { Passes } from "./passes.ts";

export interface SequencesOptions {
  readonly library: Library;
  /** Undefined if cells cannot be copied. */
  readonly cells: SequenceCells | undefined;
  /** Maximum number of tokens of a sequence. */
  readonly contextSize: number;
  /** Whether the model has recurrent layers: its sequences then cannot be cut without checkpoints. */
  readonly isRecurrent: boolean;
}

type Sequences = Pick<Passes, "erase" | "drop" | "save" | "load" | "copy" | "checkpoint">;

export function createSequences({ library, cells, contextSize, isRecurrent }: SequencesOptions): Sequences {
  const { context } = library;
  const checkpoints = createCheckpoints(library);
  /** For each slot with shifted tokens, the position of the first one. The cells of tokens from there on are not in the order of their positions. */
  const shifted = new Map<number, number>();

  function firstShifted(slot: number): number {
    return shifted.get(slot) ?? Infinity;
  }

  /** Gives the memory behind the first `kept` cells back. Cells are used in order, except after a shift. */
  function release(slot: number, kept: number): void {
    if (kept > firstShifted(slot)) return;
    shifted.delete(slot);
    cells?.release(slot, kept);
  }

  async function cut(slot: number, from: number, to: number): Promise<number> {
    if (from > 0 && context.removeTokenCellsFromSequence(slot, from, to)) return from;
    const restored = from > 0 ? await checkpoints.restore(slot, from) : 0;
    if (restored === 0) context.disposeSequence(slot);
    return restored;
  }

  return {
    ...(isRecurrent ? { checkpoint: async (slot, tokens) => await checkpoints.take(slot, tokens) } : {}),
    async erase(slot, from, to, end, before = from) {
      // llama.cpp takes -1 for no end.
      const kept = await cut(slot, from, to === Infinity ? -1 : to);
      checkpoints.forget(slot, kept);
      if (kept < from || to === end) {
        // Behind a restored checkpoint, the number of cells is known only where each cell has a position.
        if (kept === from) release(slot, before);
        else if (before === from) release(slot, kept);
        return kept;
      }
      shifted.set(slot, Math.min(from, firstShifted(slot)));
      context.shiftSequenceTokenCells(slot, to, end, from - to);
      return end - (to - from);
    },
    drop(slot, from, to) {
      if (!context.removeTokenCellsFromSequence(slot, from, to)) throw new Error(`Cannot cut slot ${slot} at ${from}`);
    },
    async save(slot, path, tokens) {
      return await context.saveSequenceStateToFile(path, slot, Uint32Array.from(tokens));
    },
    ...(cells === undefined || isRecurrent
      ? {}
      : {
          async copy(from, to, position, kept) {
            await cells.copy(from, to, position);
            // The copies are in the order of the copied cells.
            shifted.set(to, firstShifted(from));
            release(to, kept);
          },
        }),
    async load(slot, path): Promise<readonly Token[]> {
      checkpoints.forget(slot, 0);
      shifted.delete(slot);
      try {
        const tokens = await context.loadSequenceStateFromFile(path, slot, contextSize);
        if (tokens.length <= contextSize) {
          // The slot may have held more tokens.
          release(slot, tokens.length);
          return [...tokens];
        }
      } catch (error) {
        context.disposeSequence(slot);
        throw error;
      }
      context.disposeSequence(slot);
      throw new Error("The snapshot has more tokens than a slot can hold");
    },
  };
}
