// Finds the package of node-llama-cpp with the engine for a kind of machine: for its CPU, or for the GPU of Apple silicon.
import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { findEnginePackage } from "./engine-package.ts";

/** A kind of machine in the terms of package.json: os, cpu and libc. */
export interface MachineKind {
  readonly os: string;
  readonly cpu: string;
  readonly libc?: "glibc";
}

interface EngineBinary {
  /** The package's name. */
  readonly name: string;
  readonly kind: MachineKind;
}

/** The optional dependencies of node-llama-cpp 3.22, without packages for CUDA and Vulkan. */
export const engineBinaries: readonly EngineBinary[] = [
  { name: "@node-llama-cpp/linux-x64", kind: { os: "linux", cpu: "x64", libc: "glibc" } },
  { name: "@node-llama-cpp/linux-arm64", kind: { os: "linux", cpu: "arm64", libc: "glibc" } },
  { name: "@node-llama-cpp/mac-arm64-metal", kind: { os: "darwin", cpu: "arm64" } },
  { name: "@node-llama-cpp/mac-x64", kind: { os: "darwin", cpu: "x64" } },
  { name: "@node-llama-cpp/win-x64", kind: { os: "win32", cpu: "x64" } },
  { name: "@node-llama-cpp/win-arm64", kind: { os: "win32", cpu: "arm64" } },
];

/** @throws Error when no package has a binary for this kind of machine */
export function engineBinaryFor(os: string, cpu: string): EngineBinary {
  const found = engineBinaries.find(({ kind }) => kind.os === os && kind.cpu === cpu);
  if (found === undefined)
    throw new Error(`Cannot find an engine for ${os} on ${cpu}: node-llama-cpp has no binary for this platform`);
  return found;
}

/** @throws Error when the package is not installed, for example because it is for another kind of machine */
export function engineBinaryFolder(name: string): string {
  try {
    const library = createRequire(pathToFileURL(join(findEnginePackage().folder, "package.json")));
    return realpathSync(join(library.resolve(name), "../.."));
  } catch (error) {
    throw new Error(`Cannot find ${name}: it is not installed here`, { cause: error });
  }
}

/** The folder with the engine's libraries for this machine. */
export function engineLibraries(): string {
  const { name } = engineBinaryFor(process.platform, process.arch);
  return join(engineBinaryFolder(name), "bins", basename(name));
}
