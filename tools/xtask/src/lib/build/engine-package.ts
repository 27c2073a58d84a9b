// Owns where node-llama-cpp lies and where it looks for a build of its own, and the moving of finished builds: from where they were made to
// where they are kept, and from there to where the library looks. The library itself is never loaded.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { repositoryPath } from "@waggle/harness";
import type { Patches } from "./patches.ts";

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

/** Ours, with the mark of the patches. */
const patchesFile = "patches.txt";

/** What the library and we need of a build; the rest is the compiler's. */
const buildParts = ["Release", doneMark, patchesFile] as const;

/** A build without our patches, or with older ones, counts as none. */
export function isBuilt(folder: string, { mark }: Pick<Patches, "mark">): boolean {
  const path = join(folder, patchesFile);
  return isFinished(folder) && existsSync(path) && readFileSync(path, "utf8") === mark;
}

function isFinished(folder: string): boolean {
  return existsSync(join(folder, doneMark));
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

/**
 * Gives the one finished build beside `to` its name, and writes into it which patches it has. The library adds a hash of cmake's options to
 * the name, and looks for it only when it is started with the same ones.
 * @throws Error when there is none
 */
export function nameBuild(to: string, { mark }: Pick<Patches, "mark">): void {
  const folder = dirname(to);
  const built = (existsSync(folder) ? readdirSync(folder) : []).find((name) => isFinished(join(folder, name)));
  if (built === undefined) throw new Error(`Cannot find the engine's build: there is none in ${folder}`);
  renameSync(join(folder, built), to);
  writeFileSync(join(to, patchesFile), mark);
}

/** Copies a build. At `to` there is the old one or the whole new one, never a part. */
export function placeBuild(from: string, to: string): void {
  const incoming = `${to}.incoming-${process.pid}`;
  const outgoing = `${to}.outgoing-${process.pid}`;
  mkdirSync(dirname(to), { recursive: true });
  try {
    for (const part of buildParts) {
      cpSync(join(from, part), join(incoming, part), { recursive: true, verbatimSymlinks: true });
    }
    // A running engine keeps the files that it has loaded.
    if (existsSync(to)) renameSync(to, outgoing);
    renameSync(incoming, to);
  } catch (error) {
    rmSync(incoming, { recursive: true, force: true });
    throw new Error(`Cannot put the engine's build into ${to}: ${(error as Error).message}`, { cause: error });
  }
  rmSync(outgoing, { recursive: true, force: true });
}
