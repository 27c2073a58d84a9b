// Finds the file of Waggle's addon, and the hash of its sources. Does not import the library, so that any process can ask cheaply.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The addon's file for this platform: `xtask engine:build` makes it in a checkout, and the tarball has it at the same place. */
export const addonPath = fileURLToPath(
  new URL(`../../native/bin/${process.platform}-${process.arch}/waggle-llama.node`, import.meta.url),
);

/** Whether this machine has the addon. The engine may still refuse it, for example because the library has another version. */
export function hasAddon(): boolean {
  return existsSync(addonPath);
}

const sourceFolder = fileURLToPath(new URL("../../native/", import.meta.url));

/** @returns the hash that an addon of the current sources has; undefined in an installed package, which has no sources */
export function sourceHashOf(libraryVersion: string): string | undefined {
  const names = readdirSync(sourceFolder).filter((name) => /\.(cc|h)$/.test(name));
  if (names.length === 0) return undefined;
  const hash = createHash("sha256").update(libraryVersion);
  for (const name of names.toSorted()) hash.update(readFileSync(join(sourceFolder, name)));
  return hash.digest("hex").slice(0, 16);
}
