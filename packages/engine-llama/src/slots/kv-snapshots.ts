// Saves the KV cache of a slot to a file, and loads such a file into any slot. llama.cpp only checks sizes, so the contents are checked here.
import { statSync } from "node:fs";
import { firstEntries, positionBehind } from "@waggle/engine";
import type { Entries, KvSnapshot, KvSnapshots } from "@waggle/engine";
import type { Passes } from "../passes/passes.ts";
import { tokensInFile, type KvFiles } from "./kv-files.ts";

/** @param capacity most tokens that a slot holds */
export function createKvSnapshots(
  passes: Pick<Passes, "erase" | "load" | "save">,
  folder: KvFiles,
  capacity: number,
): KvSnapshots {
  /** @returns false if the file does not begin with these entries, or the library rejects it; the slot's contents are then unknown */
  async function loadEntries(slot: number, path: string, { entries, chunks }: Entries): Promise<boolean> {
    const found = await passes.load(slot, path).catch(() => []);
    if (found.length > capacity || tokensInFile(entries).some((token, i) => token !== found[i])) return false;
    // The file holds everything that the saved slot held.
    const end = positionBehind(chunks, entries.length);
    if (found.length > entries.length) await passes.erase(slot, end, entries.length);
    return true;
  }

  return {
    // Longer snapshots stay in the folder for workers with a larger context.
    found: folder.found.filter(({ entries }) => entries.length <= capacity),
    bytesOf: folder.bytesOf,
    async save(slot, held, tokens, cacheScope) {
      const { id, path } = folder.newFile(held.entries.length);
      try {
        const bytes = await passes.save(slot, path, tokensInFile(held.entries));
        // The library does not report a failed write.
        if (statSync(path).size !== bytes) throw new Error("the file is incomplete");
        return folder.seal(id, firstEntries(held, tokens), cacheScope);
      } catch (error) {
        folder.remove({ id });
        throw error;
      }
    },
    async load(slot, state) {
      const loaded = (await folder.isSound(state)) && (await loadEntries(slot, folder.pathOf(state.id), state));
      if (!loaded) {
        folder.remove(state);
        await passes.erase(slot, 0);
      }
      return loaded;
    },
    remove: (state: KvSnapshot) => folder.remove(state),
  };
}
