// Owns where node-llama-cpp lies and where it looks for a build of its own. It reads names and files; the library itself is never loaded.
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { repositoryPath } from "@waggle/harness";

export interface EnginePackage {
  /** The package's own folder. */
  readonly folder: string;
  readonly version: string;
  /** The release of llama.cpp whose source it carries. */
  readonly release: string;
}

/** @throws Error when it is not installed */
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
 * The name of the build for this machine's CPU. The library looks here before it takes the prebuilt binary; there is no setting that makes
 * it look outside of its own package.
 */
export function buildName(platform: NodeJS.Platform = process.platform, arch: string = process.arch): string {
  return `${platform === "darwin" ? "mac" : platform}-${arch}`;
}

export function buildFolder(packageFolder: string): string {
  return join(packageFolder, "llama/localBuilds", buildName());
}

/** The library's own mark of a build that was finished. */
const doneMark = "buildDone.status";

/** What the library needs of a build; the rest is the compiler's. */
export const buildParts = ["Release", doneMark] as const;

export function isBuilt(folder: string): boolean {
  return existsSync(join(folder, doneMark));
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
