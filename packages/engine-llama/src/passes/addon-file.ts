// Finds the files of Waggle's addons, and the hashes of their sources. Does not import the library, so that any process can ask cheaply.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The first computes steps, the second reads pictures. */
export type AddonName = "waggle-llama" | "waggle-mtmd";

/** An addon's file for this platform: `xtask engine:build` makes it in a checkout, and the tarball has it at the same place. */
export function addonPath(name: AddonName): string {
  return fileURLToPath(new URL(`../../native/bin/${process.platform}-${process.arch}/${name}.node`, import.meta.url));
}

/** Whether this machine has the addon that computes steps. The engine may still refuse it, for example because the library has another version. */
export function hasAddon(): boolean {
  return existsSync(addonPath("waggle-llama"));
}

const sourceFolders = { "waggle-llama": "../../native/", "waggle-mtmd": "../../native/mtmd/" } as const;

/** @returns the hash that an addon of the current sources has; undefined in an installed package, which has no sources */
export function sourceHashOf(name: AddonName, libraryVersion: string): string | undefined {
  const folder = fileURLToPath(new URL(sourceFolders[name], import.meta.url));
  if (!existsSync(folder)) return undefined;
  const names = readdirSync(folder).filter((file) => /\.(cc|h)$/.test(file));
  if (names.length === 0) return undefined;
  const hash = createHash("sha256").update(libraryVersion);
  for (const file of names.toSorted()) hash.update(readFileSync(join(folder, file)));
  return hash.digest("hex").slice(0, 16);
}
