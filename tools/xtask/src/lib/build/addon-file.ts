// Knows our addon's sources, the file of its build, and the hash by which a build is known to be of the current sources.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";

const nativeFolder = "packages/engine-llama/native";

/** The folder of the builds, relative to the repository's root, and to the root of a package to install. */
export const addonsFolder = `${nativeFolder}/bin`;

/** The path of the addon for a kind of machine, relative to `addonsFolder`. The loader in engine-llama looks there. */
export function addonFile(platform: string = process.platform, arch: string = process.arch): string {
  return `${platform}-${arch}/waggle-llama.node`;
}

export function addonPath(): string {
  return repositoryPath(join(addonsFolder, addonFile()));
}

/** Whether node-llama-cpp's headers and our sources fit the platform. On others, workers use the library's own binding. */
export function hasAddon(platform: string = process.platform): boolean {
  return platform === "linux" || platform === "darwin";
}

/** All files of the addon's source, as absolute paths in the order of their names. */
export function addonSources(): readonly string[] {
  const folder = repositoryPath(nativeFolder);
  const names = readdirSync(folder).filter((name) => /\.(cc|h)$/.test(name));
  return names.toSorted().map((name) => join(folder, name));
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
