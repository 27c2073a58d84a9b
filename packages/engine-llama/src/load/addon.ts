// Loads Waggle's addon, which adds functions to node-llama-cpp's binding. Without the addon, the library's binding does the same work, slower.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { getModuleVersion } from "node-llama-cpp";
import type { Addon } from "../passes/addon-decoder.ts";
import { addonPath, sourceHashOf } from "./addon-file.ts";

export interface LoadedAddon {
  /** Undefined if there is no file, or it cannot be used. */
  readonly addon?: Addon;
  /** Why there is no addon, as the end of a sentence. */
  readonly problem?: string;
  readonly isMissing?: true;
}

/**
 * Call it only after the library has loaded its own binding: the addon uses the libraries of llama.cpp that this binding has loaded.
 */
export async function loadAddon(path = addonPath): Promise<LoadedAddon> {
  if (!existsSync(path)) return { problem: "it is not installed", isMissing: true };
  try {
    const addon = createRequire(import.meta.url)(path) as Addon;
    const version = await getModuleVersion();
    if (addon.libraryVersion !== version) {
      return { problem: `it needs node-llama-cpp ${addon.libraryVersion}, and ${version} is installed` };
    }
    const sourceHash = sourceHashOf(version) ?? addon.sourceHash;
    return addon.sourceHash === sourceHash ? { addon } : { problem: "it was compiled from older or newer sources" };
  } catch (error) {
    return { problem: `it cannot be loaded: ${(error as Error).message}` };
  }
}
