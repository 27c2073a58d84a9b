// Provides our addons for this machine: the builds that exist, if they are of the current sources and work, or new ones.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { addonHash, addonNames, addonPath, addonSources, isBuiltFrom, type AddonName } from "./addon-file.ts";
import { compileAddon } from "./compile-addon.ts";
import { engineLibraries } from "./engine-binary.ts";
import { findEnginePackage } from "./engine-package.ts";
import { newerNeeds } from "./symbol-versions.ts";
import { addonTools, checkToolchain } from "./toolchain.ts";
import { tryAddon, UnusableBuildError } from "./trial.ts";

export interface BuildAddonOptions {
  readonly name: AddonName;
  /** Compile even if there is a build. */
  readonly force?: boolean;
  /** Refuse a build that needs a newer system than node-llama-cpp's own libraries. */
  readonly portable?: boolean;
  /** Where to put the addon; by default, where workers look. */
  readonly path?: string;
  /** Called while an addon is compiled, with the share of files that are. */
  readonly onProgress?: (share: number) => void;
  readonly signal: AbortSignal;
}

export interface AddonBuild {
  readonly how: "found" | "built";
  readonly path: string;
  /** The version of node-llama-cpp, the only one that the addon works with. */
  readonly libraryVersion: string;
  /** The libraries of the system that must be newer than for node-llama-cpp itself. */
  readonly newerNeeds: readonly string[];
}

/** @throws ToolchainError when build tools are missing; UnusableBuildError when the addon does not work; Error when it does not compile */
export async function buildAddon(options: BuildAddonOptions): Promise<AddonBuild> {
  const { name, force = false, portable = false, path = addonPath(name) } = options;
  const engine = findEnginePackage();
  const sources = addonSources(name);
  const hash = addonHash(sources, engine.version);
  const checked = (how: AddonBuild["how"], addon: string): AddonBuild => {
    const needs = needsOf(addon);
    if (portable && needs.length > 0) throw new Error(`Cannot use the addon elsewhere: it needs ${needs.join(", ")}`);
    return { how, path, libraryVersion: engine.version, newerNeeds: needs };
  };

  if (!force && isBuiltFrom(path, hash) && (await works(name, path))) return checked("found", path);
  const compiler = checkToolchain(addonTools, process.env["PATH"] ?? "");
  const folder = mkdtempSync(join(tmpdir(), "waggle-addon-"));
  try {
    const addon = await compileAddon({ ...options, engine, compiler, name, sources, hash, folder });
    const built = checked("built", addon);
    await tryAddon(engine.folder, name, addon);
    place(addon, path);
    return built;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Workers then use the library's own binding. */
export function removeAddons(): void {
  for (const name of addonNames) rmSync(addonPath(name), { force: true });
}

async function works(name: AddonName, path: string): Promise<boolean> {
  try {
    await tryAddon(findEnginePackage().folder, name, path);
    return true;
  } catch (error) {
    if (!(error instanceof UnusableBuildError)) throw error;
    return false;
  }
}

function needsOf(addon: string): readonly string[] {
  if (process.platform !== "linux") return [];
  const folder = engineLibraries();
  const libraries = readdirSync(folder).filter((name) => name.startsWith("libllama."));
  return newerNeeds(
    readFileSync(addon),
    libraries.map((name) => readFileSync(join(folder, name))),
  );
}

/** Replaces the file at once: a running engine continues to use the old one. */
function place(addon: string, path: string): void {
  const incoming = `${path}.incoming-${process.pid}`;
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(addon, incoming);
  renameSync(incoming, path);
}
