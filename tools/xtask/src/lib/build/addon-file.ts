// Knows our addons' sources, the files of their builds, and the hash by which a build is known to be of the current sources.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";

const nativeFolder = "packages/engine-llama/native";

/** The first computes steps. The second reads pictures, with llama.cpp's mtmd in it. */
export const addonNames = ["waggle-llama", "waggle-mtmd"] as const;
export type AddonName = (typeof addonNames)[number];

const sourceFolders = { "waggle-llama": nativeFolder, "waggle-mtmd": `${nativeFolder}/mtmd` } as const;

/** The folder of the builds, relative to the repository's root, and to the root of a package to install. */
export const addonsFolder = `${nativeFolder}/bin`;

/** The path of an addon for a kind of machine, relative to `addonsFolder`. The loader in engine-llama looks there. */
export function addonFile(name: AddonName, platform: string = process.platform, arch: string = process.arch): string {
  return `${platform}-${arch}/${name}.node`;
}

export function addonPath(name: AddonName): string {
  return repositoryPath(join(addonsFolder, addonFile(name)));
}

/** Whether node-llama-cpp's headers and our sources fit the platform. On others, workers use the library's own binding. */
export function hasAddon(platform: string = process.platform): boolean {
  return platform === "linux" || platform === "darwin";
}

/** All files of the addon's source, as absolute paths in the order of their names. */
export function addonSources(name: AddonName): readonly string[] {
  const folder = repositoryPath(sourceFolders[name]);
  const names = readdirSync(folder).filter((file) => /\.(cc|h)$/.test(file));
  return names.toSorted().map((file) => join(folder, file));
}

/** The loader in engine-llama computes the same hash, and refuses an addon with another one. */
export function addonHash(sources: readonly string[], libraryVersion: string): string {
  const hash = createHash("sha256").update(libraryVersion);
  for (const path of sources) hash.update(readFileSync(path));
  return hash.digest("hex").slice(0, 16);
}

/** The compiler writes the hash into the addon. */
export function isBuiltFrom(path: string, hash: string): boolean {
  return existsSync(path) && readFileSync(path).includes(hash);
}
