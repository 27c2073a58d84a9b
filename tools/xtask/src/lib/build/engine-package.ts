// Finds the folder of node-llama-cpp and the folder in which it looks for a build. Copies finished builds from the build folder to the kept
// copies, and from there to the library. The library itself is never loaded.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";

export interface EnginePackage {
  /** The package's own folder. */
  readonly folder: string;
  readonly version: string;
  /** The release of llama.cpp whose source the package contains. */
  readonly release: string;
}

/** @throws Error when node-llama-cpp is not installed */
export function findEnginePackage(): EnginePackage {
  const from = createRequire(repositoryPath("packages/engine-llama/package.json"));
  let folder: string;
  try {
    folder = dirname(dirname(realpathSync(from.resolve("node-llama-cpp"))));
  } catch (error) {
    throw new Error("Cannot find node-llama-cpp: it is not installed; run pnpm install", { cause: error });
  }
  const { version } = readJson(join(folder, "package.json")) as { version: string };
  const { release } = readJson(join(folder, "llama/binariesGithubRelease.json")) as { release: string };
  return { folder, version, release };
}

/**
 * The folder name of the build for this machine's CPU. The library looks for this folder in its package before it uses the prebuilt
 * binary. No setting makes the library look outside of its package.
 */
export function buildName(platform: NodeJS.Platform = process.platform, arch: string = process.arch): string {
  return `${platform === "darwin" ? "mac" : platform}-${arch}`;
}

export function buildFolder(packageFolder: string): string {
  return join(packageFolder, "llama/localBuilds", buildName());
}

/** The file with which the library marks a finished build. */
const doneMark = "buildDone.status";

/** The files of a build that are kept. All other files are intermediate files of the compiler. */
const buildParts = ["Release", doneMark] as const;

/** Whether the folder has a finished build. */
export function isBuilt(folder: string): boolean {
  return existsSync(join(folder, doneMark));
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

/**
 * Gives the finished build the path `to`, which is in the same folder. The library names builds with a hash of cmake's options, and would find a
 * build with such a name only if the library is started with the same options.
 * @throws Error when there is no finished build
 */
export function nameBuild(to: string): void {
  const folder = dirname(to);
  const built = (existsSync(folder) ? readdirSync(folder) : []).find((name) => isBuilt(join(folder, name)));
  if (built === undefined) throw new Error(`Cannot find the engine's build: ${folder} has no finished build`);
  renameSync(join(folder, built), to);
}

/** Copies a build so that `to` always holds either the old build or the complete new one. */
export function placeBuild(from: string, to: string): void {
  const incoming = `${to}.incoming-${process.pid}`;
  const outgoing = `${to}.outgoing-${process.pid}`;
  mkdirSync(dirname(to), { recursive: true });
  try {
    for (const part of buildParts) {
      cpSync(join(from, part), join(incoming, part), { recursive: true, verbatimSymlinks: true });
    }
    // A running engine continues to use the files that it has loaded.
    if (existsSync(to)) renameSync(to, outgoing);
    renameSync(incoming, to);
  } catch (error) {
    rmSync(incoming, { recursive: true, force: true });
    throw new Error(`Cannot put the engine's build into ${to}: ${(error as Error).message}`, { cause: error });
  }
  rmSync(outgoing, { recursive: true, force: true });
}
