// Loads Waggle's addons. Without the first, the library's binding decodes, slower. Without the second, no model reads pictures. Decision 078.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { getModuleVersion } from "node-llama-cpp";
import type { Addon } from "./addon-decoder.ts";
import { addonPath, sourceHashOf, type AddonName } from "./addon-file.ts";

/** What each addon exports. */
export interface Versioned {
  /** The version of node-llama-cpp that the addon was compiled for. */
  readonly libraryVersion: string;
  /** Identifies the addon's sources. */
  readonly sourceHash: string;
}

export interface LoadedAddon<A = Addon> {
  /** Undefined if there is no file, or it cannot be used. */
  readonly addon?: A;
  /** Why there is no addon, as the end of a sentence. */
  readonly problem?: string;
  readonly isMissing?: true;
}

/** Call it only after the library has loaded its own binding: an addon uses the libraries of llama.cpp that this binding has loaded. */
export async function loadAddon<A extends Versioned = Addon>(
  name: AddonName,
  path = addonPath(name),
): Promise<LoadedAddon<A>> {
  if (!existsSync(path)) return { problem: "it is not installed", isMissing: true };
  try {
    const addon = createRequire(import.meta.url)(path) as A;
    const version = await getModuleVersion();
    if (addon.libraryVersion !== version) {
      return { problem: `it needs node-llama-cpp ${addon.libraryVersion}, and ${version} is installed` };
    }
    const sourceHash = sourceHashOf(name, version) ?? addon.sourceHash;
    return addon.sourceHash === sourceHash ? { addon } : { problem: "it was compiled from older or newer sources" };
  } catch (error) {
    return { problem: `it cannot be loaded: ${(error as Error).message}` };
  }
}
