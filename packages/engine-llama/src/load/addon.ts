// Finds and loads Waggle's addon, which adds functions to node-llama-cpp's binding. Without the addon, the library's binding does the same work, slower.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { getModuleVersion } from "node-llama-cpp";
import type { Addon } from "../passes/addon-decoder.ts";

/** The addon's file for this platform, in a checkout. */
export const addonPath = fileURLToPath(
  new URL(`../../native/bin/${process.platform}-${process.arch}/waggle-llama.node`, import.meta.url),
);

/**
 * Call it only after the library has loaded its own binding: the addon uses the libraries of llama.cpp that this binding has loaded.
 * @param warn called with the reason if there is a file that cannot be used
 * @returns undefined if there is no file, or it cannot be used
 */
export async function loadAddon(warn: (message: string) => void, path = addonPath): Promise<Addon | undefined> {
  if (!existsSync(path)) return undefined;
  try {
    const addon = createRequire(import.meta.url)(path) as Addon;
    const version = await getModuleVersion();
    if (addon.libraryVersion === version) return addon;
    warn(`Cannot use ${path}: it needs node-llama-cpp ${addon.libraryVersion}, and ${version} is installed`);
  } catch (error) {
    warn(`Cannot load ${path}: ${(error as Error).message}`);
  }
  return undefined;
}
