// Owns saving a slot's KV cache to a file and loading it into any slot. llama.cpp's own format; it checks sizes, so
// contents are checked before.
import { statSync } from "node:fs";
import type { SavedState, SlotStates } from "@waggle/engine";
import type { Slot } from "./slot.ts";
import type { StateFolder } from "./state-folder.ts";

/** @param capacity most tokens that a slot holds */
export function createSlotStates(slotAt: (id: number) => Slot, folder: StateFolder, capacity: number): SlotStates {
  /** Of the last state that was saved; all states of a model have the same, and a little more. */
  let bytesPerToken = 0;

  return {
    // The others are of a worker with a larger context, and stay for it.
    found: folder.found.filter(({ tokens }) => tokens.length <= capacity),
    async save(slot, tokens, cacheScope) {
      const { id, path } = folder.newFile(bytesPerToken * tokens.length);
      try {
        const bytes = await slotAt(slot).save(path);
        // The library does not say when a write failed.
        if (statSync(path).size !== bytes) throw new Error("the file was not written as a whole");
        bytesPerToken = bytes / Math.max(1, tokens.length);
        return folder.seal(id, tokens, cacheScope);
      } catch (error) {
        folder.remove({ id });
        throw error;
      }
    },
    async load(slot, state) {
      const loaded = (await folder.isSound(state)) && (await slotAt(slot).load(folder.pathOf(state.id), state.tokens));
      if (!loaded) {
        folder.remove(state);
        await slotAt(slot).clear();
      }
      return loaded;
    },
    remove: (state: SavedState) => folder.remove(state),
  };
}
