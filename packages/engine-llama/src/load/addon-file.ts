// Finds the file of Waggle's addon. Does not import the library, so that any process can ask cheaply.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The addon's file for this platform: `xtask engine:build` makes it in a checkout, and the tarball has it at the same place. */
export const addonPath = fileURLToPath(
  new URL(`../../native/bin/${process.platform}-${process.arch}/waggle-llama.node`, import.meta.url),
);

/** Whether this machine has the addon. The engine may still refuse it, for example because the library has another version. */
export function hasAddon(): boolean {
  return existsSync(addonPath);
}
